"""scripts/measure/train_reader.py: what it trains with and how, what it measures, and what it writes."""

import json

import measure_recipes
import pytest
import torch
import train_reader

from mnist_lesson import stored
from mnist_lesson.further import recipes
from mnist_lesson.model import CNN
from mnist_lesson.results import History, load_run, save_run


def test_normalisation_is_taken_into_the_first_layer():
    model, images = recipes.PoolFirstCNN(), torch.rand(50, 1, 28, 28)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    whole = train_reader.take_in_normalisation(model)
    assert type(whole) is CNN and not whole.training
    with torch.no_grad():
        assert torch.allclose(whole(images), model(recipes.to_inputs(images, recipes.CLASSIC)), atol=1e-5)
        assert not torch.allclose(whole(images), model(images), atol=1e-2)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_some_strokes_become_thicker_and_some_thinner():
    images = torch.zeros(200, 1, 28, 28)
    images[:, :, 5:23, 12:16] = 1
    changed = train_reader.thicker_or_thinner(images)
    assert changed.shape == images.shape and changed.min() >= 0 and changed.max() <= 1
    ink = changed.sum(dim=(1, 2, 3)) / images[0].sum()
    assert ink.max() > 1.4 and ink.min() < 0.8
    assert 0.15 < (ink - 1).abs().lt(1e-6).double().mean() < 0.45
    assert torch.equal(images.amax(dim=(1, 2, 3)), torch.ones(200))


def test_new_ways_and_the_others_are_all_ways():
    new, other = train_reader.ways(new=True), train_reader.ways(new=False)
    for digit, of in train_reader.WAYS.items():
        assert tuple(sorted(new[digit])) == tuple(sorted(train_reader.NEW_WAYS[digit]))
        assert not new[digit].keys() & other[digit].keys()
        assert new[digit] | other[digit] == of and len(other[digit]) > len(new[digit])


def test_the_held_out_images_are_in_no_part_of_the_training_set(monkeypatch):
    """Those who judge must not have been trained with: neither the images, nor the ways, nor the kinds of no digits."""
    import reader_digits

    asked = []
    monkeypatch.setattr(reader_digits, "rewrite", lambda images, seed: asked.append(images) or images)
    monkeypatch.setattr(
        reader_digits, "draw_digits", lambda number, seed, ways: asked.append(ways) or (zeros(10), LABELS)
    )
    monkeypatch.setattr(reader_digits, "draw_others", lambda number, seed, part: asked.append(part) or zeros(10))
    for function in (train_reader.training_part, train_reader.judges, train_reader.no_digits):
        function.cache_clear()
    try:
        parts = {part: train_reader.training_part(part, all_ways=False) for part in train_reader.PARTS}
        assert len(parts["MNIST"][0]) == 55_000
        assert torch.equal(asked[0], parts["MNIST"][0][: len(asked[0])])
        assert asked[1:] == [train_reader.ways(new=False), "train"]
        assert torch.equal(parts["others"][1], torch.full((10, 10), 0.1))
        assert torch.equal(parts["drawn"][1], torch.eye(10))
        judges = train_reader.judges()
        train_reader.no_digits()
        held = judges["held-out MNIST"][0]
        assert len(held) == 5_000 and torch.equal(asked[3], held)
        assert asked[4:] == [train_reader.ways(new=True), "test"]
        seen = {image.numpy().tobytes() for image in parts["MNIST"][0]}
        assert not any(image.numpy().tobytes() in seen for image in held)
    finally:
        for function in (train_reader.training_part, train_reader.judges, train_reader.no_digits):
            function.cache_clear()


LABELS = torch.arange(10)


def zeros(number):
    return torch.zeros(number, 1, 28, 28, dtype=torch.uint8)


def test_training_takes_its_number_of_batches_and_learns_digits_and_doubt(monkeypatch):
    batches = []
    augment = recipes.augment
    monkeypatch.setattr(recipes, "augment", lambda images: batches.append(len(images)) or augment(images))
    images = zeros(300)
    for place in range(300):  # a bar down, a bar across, and a block that shall be no digit
        rows, columns = [(slice(4, 24), slice(12, 16)), (slice(12, 16), slice(4, 24)), (slice(8, 20), slice(8, 20))][
            place % 3
        ]
        images[place, 0, rows, columns] = 255
    targets = torch.eye(10)[[1, 7, 0]].repeat(100, 1)
    targets[2::3] = 0.1
    model = train_reader.fit_reader([(images[:90], targets[:90]), (images[90:], targets[90:])], 83, True, seed=0)
    assert batches == 16 * [64, 64, 64, 64, 44] + [64, 64, 64]
    assert type(model) is CNN and not model.training
    probabilities = model(images[:3] / 255).softmax(dim=1)
    assert probabilities[0, 1] > 0.8 and probabilities[1, 7] > 0.8
    assert probabilities[2].max() < 0.5


def test_the_schedule_and_the_average_go_along_with_each_batch(monkeypatch):
    made, rates = [], []
    make_schedule, average_weights, augment = recipes.make_schedule, recipes.average_weights, recipes.augment
    monkeypatch.setattr(recipes, "make_schedule", lambda *args: made.append(make_schedule(*args)) or made[-1])
    monkeypatch.setattr(recipes, "average_weights", lambda *args: made.append(average_weights(*args)) or made[-1])
    monkeypatch.setattr(recipes, "augment", lambda images: rates.append(made[0].get_last_lr()[0]) or augment(images))
    model = train_reader.fit_reader([(zeros(130), torch.full((130, 10), 0.1))], 40, False, seed=0)
    schedule, averaged = made
    assert len(rates) == schedule.last_epoch == averaged.n_averaged == 40
    assert max(rates) > 0.9 * recipes.CLASSIC.learn_rate and rates[-1] < 0.05 * max(rates)
    assert torch.equal(model.fc2.weight, averaged.module.fc2.weight)


def test_the_judge_counts_what_is_read_and_what_is_refused(monkeypatch):
    """A network that reads a pixel: it is the sure of a bright one. One in a hundred held-out digits is nearly dark."""

    class PixelReader(torch.nn.Module):
        def forward(self, images):
            return images[:, 0, 0, :10] * 20

    digits = zeros(100)
    digits[torch.arange(100), 0, 0, torch.arange(100) % 10] = 200
    digits[7] = digits[7] // 10  # still read as a 7, but without certainty
    labels = torch.arange(100) % 10
    wrong = labels.clone()
    wrong[:25] = (wrong[:25] + 1) % 10
    sets = {"held-out MNIST": (digits, labels), "drawn in new ways": (digits, wrong)}
    others = digits[:10].clone()
    others[:4] = 0
    monkeypatch.setattr(train_reader, "judges", lambda: sets)
    monkeypatch.setattr(train_reader, "no_digits", lambda: others)
    measured = train_reader.judge(PixelReader())
    assert measured == {"held-out MNIST": 1.0, "drawn in new ways": 0.75, "no digits, refused": 0.5}


@pytest.fixture
def small(monkeypatch, tmp_path):
    """Let the script train small networks on a few images, and write into a folder of the test."""
    images, labels = zeros(40), torch.arange(40) % 10
    monkeypatch.setattr(train_reader, "use_lesson_python", lambda: None)
    monkeypatch.setattr(train_reader, "ROOT", tmp_path)
    monkeypatch.setattr(measure_recipes, "ROOT", tmp_path)
    monkeypatch.setattr(stored, "STORED_DIR", tmp_path / "stored")
    monkeypatch.setattr(stored, "READER_DIR", tmp_path / "stored" / "reader")
    (tmp_path / "stored").mkdir()
    monkeypatch.setattr(train_reader, "training_part", lambda part, all_ways: (images, torch.eye(10)[labels]))
    monkeypatch.setattr(train_reader, "mnist", lambda: ((images, labels), (images, labels)))
    monkeypatch.setattr(train_reader, "judges", lambda: {"held-out MNIST": (images, labels)})
    monkeypatch.setattr(train_reader, "no_digits", lambda: images)
    monkeypatch.setattr(train_reader, "STEPS", 2)
    monkeypatch.setattr(train_reader, "FINAL_STEPS", 3)
    return tmp_path


def test_everything_is_written_and_the_test_images_are_looked_at_once(small, monkeypatch):
    looked = []

    def load_tensors(train):
        looked.append(train)
        return torch.zeros(20, 1, 28, 28), torch.arange(20) % 10

    monkeypatch.setattr(recipes, "load_tensors", load_tensors)
    for _ in range(2):  # the second time everything is there
        train_reader.main()
    assert looked == [False]
    run = load_run(small / "stored" / "reader")
    assert len(run.history) == 1 and run.history.test_acc == [0.1]
    assert run.settings == {"BATCHES": 3, "BATCH_SIZE": 64, "LEARN_RATE": 0.05, "SEED": train_reader.FINAL_SEED}
    written = json.loads((small / "stored" / "reader.json").read_text(encoding="utf-8"))
    assert list(written["variants"]) == list(train_reader.VARIANTS)
    assert all([row["seed"] for row in rows] == [0, 1, 2] for rows in written["variants"].values())
    assert all([row["seed"] for row in written[name]] == [0, 1, 2] for name in ("as stored", "MNIST alone, as long"))
    assert all(row.keys() == {"seed", "held-out MNIST", "no digits, refused"} for row in written["as stored"])
    assert (
        written["batches"] == {"variants": 2, "as stored": 3}
        and written["date"]
        and written["environment"]["PyTorch"] == torch.__version__
    )


def test_a_finished_network_is_not_trained_again(small):
    model = CNN()
    save_run(small / "runs" / "reader", model, History([1.0], [0.0], [0.9], [0.1]), {})
    assert load_run(train_reader.train_final()).history.test_acc == [0.9]
