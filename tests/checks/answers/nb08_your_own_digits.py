"""Answers to the exercises of notebook 08, right and wrong, written from their texts alone."""

import math
import statistics
from fractions import Fraction

import numpy as np
import torch
import torch.nn.functional as F

# Exercise 8.1: bright_ink(picture)


def bright_by_median(picture):
    ground = picture.median()
    return 1 - picture if ground - picture.min() > picture.max() - ground else picture


def bright_by_count(picture):
    middle = (picture.amin() + picture.amax()) / 2
    bright = (picture > middle).sum().item()
    return picture.clone() if bright * 2 < picture.numel() else 1.0 - picture


def bright_in_numpy(picture):
    values = picture.numpy().astype(np.float64)
    ground = np.median(values)
    farthest = values.flat[np.abs(values - ground).argmax()]
    return torch.tensor(values if farthest >= ground else 1 - values)


def bright_by_loops(picture):
    values = sorted(pixel for row in picture.tolist() for pixel in row)
    ground = values[len(values) // 2]
    if values[-1] - ground < ground - values[0]:
        return torch.tensor([[1 - pixel for pixel in row] for row in picture.tolist()])
    return picture * 1


def bright_by_two_greys(picture):
    dark, bright = picture.min(), picture.max()
    for _ in range(5):
        is_bright = (picture - bright).abs() < (picture - dark).abs()
        if is_bright.all() or not is_bright.any():
            break
        dark, bright = picture[~is_bright].mean(), picture[is_bright].mean()
    return picture if is_bright.double().mean() < 0.5 else torch.sub(1, picture)


def bright_by_quantiles(picture):
    low, ground, high = np.quantile(picture.detach().numpy(), [0.0, 0.5, 1.0])
    return torch.where(torch.tensor(high + low >= 2 * ground), picture, picture.neg().add(1))


def bright_with_ground_below(limit, ground, picture):
    """Inverted if a measure of the ground is above the limit."""
    return 1 - picture if ground(picture) > limit else picture


def is_bright_already(picture):
    return picture.max() - picture.median() >= picture.median() - picture.min()


def bright_by_border(picture):
    border = torch.cat([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    return 1 - picture if border.mean() > picture.mean() else picture


def bright_by_corner(picture):
    return 1 - picture if picture[0, 0] > picture.mean() else picture


def bright_by_four_corners(picture):
    corners = torch.stack([picture[0, 0], picture[0, -1], picture[-1, 0], picture[-1, -1]])
    return 1 - picture if corners.mean() > picture.mean() else picture


def bright_by_middle(picture):
    middle = picture[picture.shape[0] // 2, picture.shape[1] // 2]
    return 1 - picture if middle < picture.mean() else picture


def bright_in_place(picture):
    if not is_bright_already(picture):
        picture.neg_().add_(1)
    return picture


def bright_copied_back(picture):
    result = bright_by_median(picture)
    picture.copy_(result)
    return picture


def bright_on_black(picture):
    result = bright_by_median(picture)
    return result - result.min()


def bright_stretched(picture):
    result = bright_by_median(picture)
    return (result - result.min()) / (result.max() - result.min()).clamp(min=1e-6)


def bright_black_and_white(picture):
    result = bright_by_median(picture)
    return (result > (result.max() + result.min()) / 2).float()


def bright_pixel_by_pixel(picture):
    return torch.maximum(picture, 1 - picture)


def bright_above_ground(picture):
    return (picture - picture.median()).abs()


def bright_mirrored_within(picture):
    return picture if is_bright_already(picture) else picture.max() + picture.min() - picture


def bright_from_white(picture):
    return picture if is_bright_already(picture) else picture.max() - picture


FIRST_DECISION = []


def bright_as_in_first_call(picture):
    FIRST_DECISION.append(bool(is_bright_already(picture)))
    return picture if FIRST_DECISION[0] else 1 - picture


RIGHT_BRIGHT_INK = {
    "farther from the median: darkest or brightest": bright_by_median,
    "fewer pixels on the bright side": bright_by_count,
    "pixel farthest from the median, NumPy, float64": bright_in_numpy,
    "sorted list": bright_by_loops,
    "two greys found by turns": bright_by_two_greys,
    "quantiles": bright_by_quantiles,
}
WRONG_BRIGHT_INK = {
    "never inverted": lambda p: p.clone(),
    "always inverted": lambda p: 1 - p,
    "just the other way round": lambda p: 1 - bright_by_median(p),
    "mean against 0.5": lambda p: bright_with_ground_below(0.5, torch.mean, p),
    "median against 0.5": lambda p: bright_with_ground_below(0.5, torch.median, p),
    "median against 0.25": lambda p: bright_with_ground_below(0.25, torch.median, p),
    "median against 0.75": lambda p: bright_with_ground_below(0.75, torch.median, p),
    "middle of darkest and brightest against 0.5": lambda p: bright_with_ground_below(
        0.5, lambda q: q.max() + q.min() - 0.5, p
    ),
    "more than half of the pixels above 0.5": lambda p: bright_with_ground_below(
        0.5, lambda q: (q > 0.5).float().mean(), p
    ),
    "upper left corner is ground": bright_by_corner,
    "four corners are ground": bright_by_four_corners,
    "border is ground": bright_by_border,
    "middle is ink": bright_by_middle,
    "first row is ground": lambda p: 1 - p if p[0].mean() > p.mean() else p,
    "each pixel on its own": bright_pixel_by_pixel,
    "distance from the ground": bright_above_ground,
    "ground made black": bright_on_black,
    "stretched to 0 and 1": bright_stretched,
    "only 0 and 1": bright_black_and_white,
    "inverted between darkest and brightest": bright_mirrored_within,
    "inverted from the brightest": bright_from_white,
    "inverted with a minus only": lambda p: p if is_bright_already(p) else -p,
    "inverted from 255": lambda p: p if is_bright_already(p) else 255 - p,
    "to 255": lambda p: bright_by_median(p) * 255,
    "an axis too many": lambda p: bright_by_median(p)[None],
    "flat": lambda p: bright_by_median(p).flatten(),
    "nested lists": lambda p: bright_by_median(p).tolist(),
    "whether it is inverted": lambda p: torch.tensor(bool(is_bright_already(p))),
    "inverted in place": bright_in_place,
    "copied back into the picture": bright_copied_back,
    "as decided in the first call": bright_as_in_first_call,
}

# Exercise 8.2: new_size(height, width)


def size_plain(height, width):
    scale = 20 / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def size_in_two_cases(height, width):
    if height >= width:
        return 20, max(round(20 * width / height), 1)
    return max(round(20 * height / width), 1), 20


def size_in_whole_numbers(height, width):
    longer = max(height, width)
    return tuple((40 * side + longer) // (2 * longer) or 1 for side in (height, width))


def size_in_numpy(height, width):
    sides = np.array([height, width], dtype=np.float64)
    new_height, new_width = np.maximum(np.rint(sides * 20 / sides.max()), 1)
    return new_height, new_width


def size_in_tensors(height, width):
    sides = torch.tensor([float(height), float(width)], dtype=torch.float64)
    sides = (sides / sides.max() * 20).round().clamp(min=1)
    return sides[0], sides[1]


def size_by_search(height, width):
    def fitted(side):
        return min(range(1, 21), key=lambda new: abs(Fraction(new, 20) - Fraction(side, max(height, width))))

    return fitted(height), fitted(width)


def size_by_formatting(height, width):
    factor = Fraction(20, max(height, width))
    return max(int(f"{float(height * factor):.0f}"), 1), max(int(f"{float(width * factor):.0f}"), 1)


def sizes_with(turn, height, width, least=1, side=20):
    """Both sides scaled to the longer one, turned into whole numbers in some way."""
    scale = side / max(height, width)
    return max(least, turn(height * scale)), max(least, turn(width * scale))


def size_only_smaller(height, width):
    return size_plain(height, width) if max(height, width) > 20 else (height, width)


def size_only_larger(height, width):
    return size_plain(height, width) if max(height, width) < 20 else (min(height, 20), min(width, 20))


def size_by_height(height, width):
    return 20, max(1, round(width * 20 / height))


def size_by_width(height, width):
    return max(1, round(height * 20 / width)), 20


def size_by_shorter(height, width):
    scale = 20 / min(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def size_by_area(height, width):
    scale = 20 / math.sqrt(height * width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def size_by_diagonal(height, width):
    scale = 20 / math.hypot(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def size_by_whole_scale(height, width):
    scale = max(height, width) // 20 or 1
    return max(1, round(height / scale)), max(1, round(width / scale))


def size_by_rounded_scale(height, width):
    scale = round(20 / max(height, width), 1)
    return max(1, round(height * scale)), max(1, round(width * scale))


def size_by_difference(height, width):
    less = max(height, width) - 20
    return max(1, height - less), max(1, width - less)


def size_with_least_width(height, width):
    scale = 20 / max(height, width)
    return round(height * scale), max(1, round(width * scale))


def size_with_least_height(height, width):
    scale = 20 / max(height, width)
    return max(1, round(height * scale)), round(width * scale)


def size_of_even_sides(height, width):
    return tuple(max(2, 2 * round(side / 2)) for side in size_plain(height, width))


LARGEST_SIDE = [1]


def size_by_largest_so_far(height, width):
    LARGEST_SIDE[0] = max(LARGEST_SIDE[0], height, width)
    return tuple(max(1, round(side * 20 / LARGEST_SIDE[0])) for side in (height, width))


RIGHT_NEW_SIZE = {
    "scale by the longer side": size_plain,
    "two cases": size_in_two_cases,
    "whole numbers only": size_in_whole_numbers,
    "NumPy, floats": size_in_numpy,
    "tensors without axes": size_in_tensors,
    "search for the nearest": size_by_search,
    "rounded by formatting": size_by_formatting,
}
WRONG_NEW_SIZE = {
    "rounded down": lambda h, w: sizes_with(math.floor, h, w),
    "rounded up": lambda h, w: sizes_with(lambda x: math.ceil(x - 1e-9), h, w),
    "not rounded": lambda h, w: sizes_with(float, h, w),
    "rounded to one decimal": lambda h, w: sizes_with(lambda x: round(x, 1), h, w),
    "one added to whole part": lambda h, w: sizes_with(lambda x: min(20, int(x + 1e-9) + 1), h, w),
    "may become 0": lambda h, w: sizes_with(round, h, w, least=0),
    "at least 2": lambda h, w: sizes_with(round, h, w, least=2),
    "at least 4": lambda h, w: sizes_with(round, h, w, least=4),
    "into 28 x 28": lambda h, w: sizes_with(round, h, w, side=28),
    "into 19 x 19": lambda h, w: sizes_with(round, h, w, side=19),
    "into 21 x 21": lambda h, w: sizes_with(round, h, w, side=21),
    "always 20 x 20": lambda h, w: (20, 20),
    "unchanged": lambda h, w: (h, w),
    "each side cut at 20": lambda h, w: (min(h, 20), min(w, 20)),
    "width first": lambda h, w: size_plain(h, w)[::-1],
    "longer first": lambda h, w: tuple(sorted(size_plain(h, w), reverse=True)),
    "shorter first": lambda h, w: tuple(sorted(size_plain(h, w))),
    "small digits stay small": size_only_smaller,
    "large digits are cut": size_only_larger,
    "height is always the longer side": size_by_height,
    "width is always the longer side": size_by_width,
    "shorter side becomes 20": size_by_shorter,
    "same area as 20 x 20": size_by_area,
    "diagonal becomes 20": size_by_diagonal,
    "divided by a whole number": size_by_whole_scale,
    "scale rounded to one decimal": size_by_rounded_scale,
    "same number of pixels cut from both": size_by_difference,
    "height may become 0": size_with_least_width,
    "width may become 0": size_with_least_height,
    "even numbers only": size_of_even_sides,
    "height only": lambda h, w: size_plain(h, w)[0],
    "the scale too": lambda h, w: (*size_plain(h, w), 20 / max(h, w)),
    "texts": lambda h, w: tuple(str(side) for side in size_plain(h, w)),
    "tensors with an axis": lambda h, w: tuple(torch.tensor([side]) for side in size_plain(h, w)),
    "by the largest side of all calls": size_by_largest_so_far,
}

# Exercise 8.3: centre_of_mass(image)


def centre_by_sums(image):
    ink = image.detach().double()
    rows, columns = torch.arange(ink.shape[0]), torch.arange(ink.shape[1])
    return (ink.sum(dim=1) * rows).sum().item() / ink.sum().item(), (
        (ink.sum(dim=0) * columns).sum() / ink.sum()
    ).item()


def centre_by_loops(image):
    total = row = column = 0.0
    for i, line in enumerate(image.tolist()):
        for j, ink in enumerate(line):
            total += ink
            row += i * ink
            column += j * ink
    return row / total, column / total


def centre_in_numpy(image):
    ink = np.asarray(image.tolist())
    rows, columns = np.indices(ink.shape)
    return np.average(rows, weights=ink), np.average(columns, weights=ink)


def centre_by_grid(image):
    ink = image.to(torch.float64) / image.to(torch.float64).sum()
    rows, columns = torch.meshgrid(torch.arange(len(ink)), torch.arange(len(ink[0])), indexing="ij")
    return (ink * rows).sum(), (ink * columns).sum()


def centre_of_inked_places(image):
    places = image.nonzero()
    weights = image[places[:, 0], places[:, 1]].double()
    row, column = (places.double() * weights[:, None]).sum(dim=0) / weights.sum()
    return float(row), float(column)


def centre_by_products(image):
    ink = image.double()
    one_row, one_column = torch.ones(ink.shape[0]).double(), torch.ones(ink.shape[1]).double()
    total = one_row @ ink @ one_column
    row = (one_row.cumsum(0) @ ink @ one_column / total).item() - 1
    return row, (one_row @ ink @ one_column.cumsum(0) / total).item() - 1


def centre_by_fsum(image):
    values = image.tolist()
    lines, columns = [math.fsum(line) for line in values], [math.fsum(column) for column in zip(*values)]
    return tuple(math.fsum(i * ink for i, ink in enumerate(part)) / math.fsum(part) for part in (lines, columns))


def centre_of_ink_bounds(image):
    rows, columns = image.nonzero(as_tuple=True)
    return (rows.min() + rows.max()).item() / 2, (columns.min() + columns.max()).item() / 2


def centre_unweighted(image):
    return centre_by_sums((image > 0).float())


def centre_of_blackest(image):
    return divmod(image.argmax().item(), image.shape[1])


def centre_of_strong_ink(image):
    return centre_by_sums(image * (image >= image.max() / 2))


def centre_of_median(image):
    rows, columns = image.nonzero(as_tuple=True)
    return statistics.median(rows.tolist()), statistics.median(columns.tolist())


def centre_of_inked_lines(image):
    rows, columns = (image.sum(dim=1) > 0).nonzero(), (image.sum(dim=0) > 0).nonzero()
    return rows.double().mean().item(), columns.double().mean().item()


def centre_by_height_only(image):
    side = image.shape[0]
    return centre_by_sums(image[:, :side])


def centre_over_pixels(image):
    row, column = centre_by_sums(image)
    return row * image.sum().item() / image.numel(), column * image.sum().item() / image.numel()


def centre_not_divided(image):
    row, column = centre_by_sums(image)
    return row * image.sum().item(), column * image.sum().item()


def centre_from_middle(image):
    row, column = centre_by_sums(image)
    return row - (image.shape[0] - 1) / 2, column - (image.shape[1] - 1) / 2


def centre_as_fraction(image):
    row, column = centre_by_sums(image)
    return row / image.shape[0], column / image.shape[1]


def centre_from_below(image):
    row, column = centre_by_sums(image)
    return image.shape[0] - 1 - row, column


def centre_of_paper(image):
    paper = image.max() - image
    return centre_by_sums(paper) if paper.sum() > 0 else (0.0, 0.0)


def centre_scaled_in_place(image):
    centre = centre_by_sums(image)
    image.div_(image.sum() * 2)
    return centre


def centre_and_binarise(image):
    centre = centre_by_sums(image)
    image[image > 0] = 1000
    return centre


def centre_and_flip(image):
    centre = centre_by_sums(image)
    image.t_()
    return centre


INK_SO_FAR = [0.0, 0.0, 0.0]


def centre_of_all_calls(image):
    row, column = centre_by_sums(image)
    ink = image.sum().item()
    INK_SO_FAR[:] = INK_SO_FAR[0] + ink, INK_SO_FAR[1] + row * ink, INK_SO_FAR[2] + column * ink
    return INK_SO_FAR[1] / INK_SO_FAR[0], INK_SO_FAR[2] / INK_SO_FAR[0]


RIGHT_CENTRE_OF_MASS = {
    "sums of rows and columns": centre_by_sums,
    "plain loops": centre_by_loops,
    "NumPy's weighted average": centre_in_numpy,
    "grid, tensors without axes": centre_by_grid,
    "inked places only": centre_of_inked_places,
    "matrix products, counted from 1 and corrected": centre_by_products,
    "exact sums of lists": centre_by_fsum,
}
WRONG_CENTRE_OF_MASS = {
    "middle of the image": lambda i: ((i.shape[0] - 1) / 2, (i.shape[1] - 1) / 2),
    "middle of 28 x 28": lambda i: (13.5, 13.5),
    "middle of the inked box": centre_of_ink_bounds,
    "every inked pixel counts the same": centre_unweighted,
    "pixel with the most ink": centre_of_blackest,
    "strong ink only": centre_of_strong_ink,
    "median of the places": centre_of_median,
    "mean of the inked rows and columns": centre_of_inked_lines,
    "ink squared": lambda i: centre_by_sums(i.double() ** 2),
    "square root of the ink": lambda i: centre_by_sums(i.double().sqrt()),
    "ink cut to whole numbers": lambda i: centre_by_sums(i.long()) if i.long().sum() else (0.0, 0.0),
    "the paper's": centre_of_paper,
    "column first": lambda i: centre_by_sums(i)[::-1],
    "counted from 1": lambda i: tuple(c + 1 for c in centre_by_sums(i)),
    "rows counted from below": centre_from_below,
    "from the middle of the image": centre_from_middle,
    "as fractions of the sides": centre_as_fraction,
    "half a pixel added": lambda i: tuple(c + 0.5 for c in centre_by_sums(i)),
    "columns beyond the height are left out": centre_by_height_only,
    "last row and column left out": lambda i: centre_by_sums(i[:-1, :-1]) if i[:-1, :-1].sum() > 0 else (0.0, 0.0),
    "divided by the number of pixels": centre_over_pixels,
    "not divided": centre_not_divided,
    "rounded": lambda i: tuple(round(c) for c in centre_by_sums(i)),
    "rounded to one decimal": lambda i: tuple(round(c, 1) for c in centre_by_sums(i)),
    "cut to whole numbers": lambda i: tuple(int(c) for c in centre_by_sums(i)),
    "row only": lambda i: centre_by_sums(i)[0],
    "row twice": lambda i: (centre_by_sums(i)[0],) * 2,
    "texts": lambda i: tuple(f"{c:.6f}" for c in centre_by_sums(i)),
    "tensors with an axis": lambda i: tuple(torch.tensor([c]) for c in centre_by_sums(i)),
    "ink scaled in place": centre_scaled_in_place,
    "ink made equal in place": centre_and_binarise,
    "image turned over in place": centre_and_flip,
    "ink of all calls": centre_of_all_calls,
}

# Exercise 8.4: refuse(logits, threshold)


def refuse_plain(logits, threshold):
    largest, predictions = logits.softmax(dim=1).max(dim=1)
    predictions[largest < threshold] = -1
    return predictions


def refuse_with_where(logits, threshold):
    probabilities = torch.softmax(logits, dim=-1)
    return torch.where(probabilities.amax(dim=-1) >= threshold, logits.argmax(dim=-1), -1)


def refuse_by_loop(logits, threshold):
    answers = []
    for row in F.softmax(logits, dim=1).tolist():
        answers.append(row.index(max(row)) if not max(row) < threshold else -1)
    return torch.tensor(answers)


def refuse_in_numpy(logits, threshold):
    probabilities = logits.detach().softmax(dim=1).numpy().astype(np.float64)
    answers = np.where(probabilities.max(axis=1) < threshold, -1, probabilities.argmax(axis=1))
    return torch.from_numpy(answers)


def refuse_by_counting(logits, threshold):
    enough = (torch.nn.Softmax(dim=1)(logits) >= threshold).any(dim=1)
    return enough * (logits.argmax(dim=1) + 1) - 1


def refuse_by_sorting(logits, threshold):
    best = logits.softmax(dim=1).topk(1, dim=1)
    return best.indices.double().masked_fill(best.values < threshold, -1.0).squeeze(1)


def refuse_from_empty(logits, threshold):
    answers = torch.full((logits.shape[0],), -1, dtype=torch.int32)
    for place, row in enumerate(logits.softmax(dim=1)):
        if row.max() >= threshold:
            answers[place] = row.argmax()
    return answers


def refused(measure, logits, threshold, answer=-1):
    """The predictions, but another answer where a measure of each row is below the threshold."""
    return torch.where(measure(logits) < threshold, answer, logits.argmax(dim=1))


def refuse_also_at_threshold(logits, threshold):
    largest, predictions = logits.softmax(dim=1).max(dim=1)
    predictions[largest <= threshold] = -1
    return predictions


def refuse_the_sure_ones(logits, threshold):
    largest, predictions = logits.softmax(dim=1).max(dim=1)
    predictions[largest >= threshold] = -1
    return predictions


def refuse_and_drop(logits, threshold):
    largest, predictions = logits.softmax(dim=1).max(dim=1)
    return predictions[largest >= threshold]


def refuse_all_or_none(logits, threshold):
    largest, predictions = logits.softmax(dim=1).max(dim=1)
    return predictions if largest.min() >= threshold else torch.full_like(predictions, -1)


def refuse_by_mean(logits, threshold):
    largest, predictions = logits.softmax(dim=1).max(dim=1)
    return predictions if largest.mean() >= threshold else torch.full_like(predictions, -1)


def refuse_zero_too(logits, threshold):
    predictions = refuse_plain(logits, threshold)
    return torch.where(predictions > 0, predictions, -1)


def refuse_by_margin(logits, threshold):
    best = logits.softmax(dim=1).topk(2, dim=1).values
    return torch.where(best[:, 0] - best[:, 1] < threshold, -1, logits.argmax(dim=1))


def refuse_squeezed(logits, threshold):
    return refuse_plain(logits, threshold).squeeze()


def refuse_first_only(logits, threshold):
    return refuse_plain(logits[:1], threshold).expand(len(logits))


def refuse_after_softmax_in_place(logits, threshold):
    logits.copy_(logits.softmax(dim=1))
    return refused(lambda rows: rows.max(dim=1).values, logits, threshold)


def refuse_and_sort(logits, threshold):
    answers = refuse_plain(logits, threshold)
    logits.copy_(logits.sort(dim=1).values)
    return answers


def refuse_and_erase(logits, threshold):
    answers = refuse_plain(logits, threshold)
    logits[answers == -1] = 0
    logits.sub_(1)
    return answers


FIRST_THRESHOLD = []


def refuse_by_first_threshold(logits, threshold):
    FIRST_THRESHOLD.append(threshold)
    return refuse_plain(logits, FIRST_THRESHOLD[0])


RIGHT_REFUSE = {
    "values and places of the largest": refuse_plain,
    "where": refuse_with_where,
    "loop over lists": refuse_by_loop,
    "NumPy": refuse_in_numpy,
    "times whether any is large enough": refuse_by_counting,
    "topk, floats": refuse_by_sorting,
    "filled one by one, int32": refuse_from_empty,
}
WRONG_REFUSE = {
    "never refused": lambda x, t: x.argmax(dim=1),
    "always refused": lambda x, t: torch.full((len(x),), -1),
    "refused at the threshold as well": refuse_also_at_threshold,
    "the sure ones refused": refuse_the_sure_ones,
    "logit against the threshold": lambda x, t: refused(lambda rows: rows.amax(dim=1), x, t),
    "sigmoid": lambda x, t: refused(lambda rows: rows.sigmoid().amax(dim=1), x, t),
    "logits as shares of their sum": lambda x, t: refused(lambda rows: rows.amax(dim=1) / rows.abs().sum(dim=1), x, t),
    "softmax along the batch": lambda x, t: refused(lambda rows: rows.softmax(dim=0).amax(dim=1), x, t),
    "softmax over the whole batch": lambda x, t: refused(
        lambda rows: rows.flatten().softmax(0).view(-1, 10).amax(1), x, t
    ),
    "softmax twice": lambda x, t: refused(lambda rows: rows.softmax(1).softmax(1).amax(dim=1), x, t),
    "logarithm of the probability": lambda x, t: refused(lambda rows: rows.log_softmax(dim=1).amax(dim=1), x, t),
    "smallest probability": lambda x, t: refused(lambda rows: rows.softmax(dim=1).amin(dim=1), x, t),
    "second largest probability": lambda x, t: refused(lambda rows: rows.softmax(dim=1).topk(2).values[:, 1], x, t),
    "lead over the second": refuse_by_margin,
    "threshold always 0.5": lambda x, t: refuse_plain(x, 0.5),
    "threshold always 0.9": lambda x, t: refuse_plain(x, 0.9),
    "threshold of the first call": refuse_by_first_threshold,
    "one less the threshold": lambda x, t: refuse_plain(x, 1 - t),
    "threshold in percent": lambda x, t: refuse_plain(x, t / 100),
    "probability rounded to one decimal": lambda x, t: refused(lambda r: r.softmax(1).amax(1).round(decimals=1), x, t),
    "0 instead of -1": lambda x, t: refused(lambda rows: rows.softmax(dim=1).amax(dim=1), x, t, answer=0),
    "10 instead of -1": lambda x, t: refused(lambda rows: rows.softmax(dim=1).amax(dim=1), x, t, answer=10),
    "digit 0 refused as well": refuse_zero_too,
    "least probable digit": lambda x, t: torch.where(x.softmax(1).amax(1) < t, -1, x.argmin(dim=1)),
    "digits counted from 1": lambda x, t: refused(lambda rows: rows.softmax(dim=1).amax(dim=1), x, t, answer=-2) + 1,
    "refused images dropped": refuse_and_drop,
    "all refused if one is unsure": refuse_all_or_none,
    "decided for the whole batch": refuse_by_mean,
    "the first answer for all": refuse_first_only,
    "last image left out": lambda x, t: refuse_plain(x[:-1], t),
    "no axis if N is 1": refuse_squeezed,
    "shape (N, 1)": lambda x, t: refuse_plain(x, t)[:, None],
    "predictions and probabilities": lambda x, t: (refuse_plain(x, t), x.softmax(dim=1).amax(dim=1)),
    "a list": lambda x, t: refuse_plain(x, t).tolist(),
    "probabilities put into the logits": refuse_after_softmax_in_place,
    "logits sorted in place": refuse_and_sort,
    "logits changed in place": refuse_and_erase,
}

RIGHT = {
    "bright_ink": RIGHT_BRIGHT_INK,
    "new_size": RIGHT_NEW_SIZE,
    "centre_of_mass": RIGHT_CENTRE_OF_MASS,
    "refuse": RIGHT_REFUSE,
}
WRONG = {
    "bright_ink": WRONG_BRIGHT_INK,
    "new_size": WRONG_NEW_SIZE,
    "centre_of_mass": WRONG_CENTRE_OF_MASS,
    "refuse": WRONG_REFUSE,
}
