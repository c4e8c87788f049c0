"""Check the mended training programs of notebook 10, the bug clinic.

A checker runs the learner's program on images drawn anew each time, and looks only at what came out: the model, its
history, and what the optimizer found at its steps. It never reads the code.
The faults are named in comments, since the help in the notebook shows docstrings.
"""

import math

import torch
import torch.nn as nn

from mnist_lesson.checks.compare import Hint
from mnist_lesson.checks.judge import exercise
from mnist_lesson.checks.nb10_run import (
    EXPLODED,
    LEAST,
    UNMOVED,
    check_learned,
    check_reported,
    has_stood_still,
    is_reported,
    logits_of,
    measure,
    piled_up,
    run_program,
    ways_to_prepare,
)
from mnist_lesson.further.faults import size_of_gradient, way_of_weights

FIRST = {  # the first hint to each patient: the symptom, and where to look
    1: "The mean loss of the first epoch is far above that of guessing, ln 10 = 2.3. A new network guesses, so "
    "training itself has made it worse: look at how far the weights go.",
    2: "The training accuracy is high, and the test accuracy is far below the 10 % of guessing. That takes knowledge: "
    "compare the labels of a few training images with their pictures, in the form in which the loader yields them.",
    3: "The network learns slowly, and its loss stays above 1.4. What does the model answer for one image, and what "
    "does the loss function expect to get?",
    4: "The test accuracy and the test loss are both lower than a recount says. Print all that these two divisions are "
    "made of.",
    5: "No weight has changed, but there is a gradient in the model at the end. Print the gradient of one weight just "
    "before the optimizer uses it.",
    6: "The model reads training images well and test images badly. Compare the images that the two loaders yield: "
    "print the lowest and the highest value.",
    7: "The loss does not come down and stay down, and the gradient left behind is many times as large as that of one "
    "batch. Print its size after each of the first ten batches.",
    8: "The loss falls from epoch to epoch, but by almost nothing, and the weights hardly move. What decides how far "
    "they move?",
    9: "The training accuracy is high, but afterwards the model gives a few answers far too often. Print the labels of "
    "the first batches of an epoch, and of the last.",
    10: "The program reports worse test results than a recount on the same model, which also answers differently when "
    "asked twice. Which layers of this network draw random numbers, and when should they?",
    11: "The answers to the first batch are already enormous, before any weight has changed. What goes into the model?",
    12: "No weight of the model has changed, although its gradient is large. Which weights does the optimizer change? "
    "Compare them with those of the model, with `is`.",
}


# Fault: the learning rate is 100 times too large.
@exercise("10.1", FIRST[1], seconds=120)
def mend_1(answer):
    run = run_program(answer, not_finite=FIRST[1])
    check_reported(run)
    history = run.history
    if history.test_acc[-1] < LEAST and history.train_loss[0] < EXPLODED:
        if way_of_weights(run.model, run.notes.start[run.model]) > 1:
            raise Hint(
                "Better: the loss no longer explodes. But it still jumps about. Go further in the same direction."
            )
        if not has_stood_still(run):
            raise Hint("Now the loss falls steadily but slowly, and the weights hardly move: you went too far.")
    check_learned(run, FIRST[1])


# Fault: the training labels are shifted by one, the test labels are right.
@exercise("10.2", FIRST[2], seconds=120)
def mend_2(answer):
    run = run_program(answer)
    logits, labels = logits_of(run.model, run.ward[2] / 255), run.ward[3]
    as_shifted, as_shifted_back = (measure(logits, (labels + shift) % 10) for shift in (1, -1))
    if as_shifted[0] > 0.6:
        if is_reported(run, as_shifted):
            raise Hint(
                "Now the test reports a high accuracy, but the model still calls a 3 a 4: you made the test as wrong "
                "as the training. The labels of the test set are right."
            )
        check_reported(run)
        raise Hint(FIRST[2])
    if as_shifted_back[0] > 0.6:
        raise Hint("Now the model calls a 3 a 2: the mistake has only changed its direction.")
    check_reported(run)
    check_learned(run, "The network does not learn: does each training image still come with a label of its own?")


# Fault: a softmax comes between the logits and the cross entropy.
@exercise("10.3", FIRST[3], seconds=120)
def mend_3(answer):
    run = run_program(answer)
    if min(run.history.test_loss + run.history.train_loss) < 0:
        raise Hint("A loss is negative, and a cross entropy never is: your loss function expects something else.")
    logits = logits_of(run.model, run.ward[2] / 255)
    if logits.min() >= 0 and torch.allclose(logits.sum(1), torch.ones(len(logits)), atol=1e-3):
        raise Hint(FIRST[3])
    if logits.min() >= 0 and logits.max() <= 1:
        raise Hint(
            "All answers of the model still lie between 0 and 1: the loss cannot become small from there either."
        )
    if not has_stood_still(run) and is_reported(run, measure(logits.softmax(1), run.ward[3])):
        raise Hint(
            "The model answers with logits now, but the reported loss is not their cross entropy: something still "
            "stands between the two."
        )
    check_reported(run)
    check_learned(run, "The network still learns slowly: was anything else changed?")


# Fault: the averages of the test are divided by a number that is not that of the images.
@exercise("10.4", FIRST[4], seconds=120)
def mend_4(answer):
    run = run_program(answer)
    images, labels = run.ward[2], run.ward[3]
    if not any(is_reported(run, found) for found in ways_to_prepare(run).values()):
        logits = logits_of(run.model, images / 255)
        accuracy, loss = measure(logits, labels)
        whole = len(labels) // 300 * 300
        if is_reported(run, measure(logits[:whole], labels[:whole])):
            raise Hint("Now the last images are left out of the test. All of them should count.")
        in_both = run.history.test_acc[-1] / accuracy, run.history.test_loss[-1] / loss
        if min(in_both) > 0 and math.isclose(*in_both, rel_tol=0.002):
            divisor = len(labels) / in_both[0]
            if abs(divisor / (300 * math.ceil(len(labels) / 300)) - 1) < 0.005:
                raise Hint(FIRST[4])
            raise Hint(
                f"Both test results are wrong by the same factor, as if divided by {divisor:.0f}. Here are "
                f"{len(labels)} test images, and next time there may be another number."
            )
        if math.isclose(run.history.test_acc[-1], accuracy, abs_tol=1e-6):
            raise Hint("The accuracy is right now. The loss is not yet: what is it divided by?")
        if math.isclose(run.history.test_acc[-1], accuracy, abs_tol=0.05):
            raise Hint(
                "Close, but not equal to a recount: does an image of the small last batch count as much as any other, "
                "in the accuracy and in the loss?"
            )
    check_reported(run)
    check_learned(
        run, "The averages are right now, but the network learns less than it did: was anything else changed?"
    )


STEP_TOO_EARLY = (
    "`step` changed the weights between the forward pass and `backward`, which still needed the old ones: the "
    "order of the calls is not right yet."
)


# Fault: the step comes before backward, when there is no gradient yet.
@exercise("10.5", FIRST[5], errors={"modified by an inplace operation": STEP_TOO_EARLY}, seconds=120)
def mend_5(answer):
    run = run_program(answer)
    if has_stood_still(run):
        if run.notes.steps == 0:
            raise Hint("The optimizer takes no step at all now: who changes the weights?")
        if size_of_gradient(run.model) == 0:
            raise Hint(
                "Still no weight changes, and now there is no gradient at the end either: it is deleted before the "
                "optimizer uses it, or never computed."
            )
        raise Hint(FIRST[5])
    if piled_up(run) > 5:
        raise Hint(
            "Now the weights move, but the gradient left behind is many times that of one batch: what does `backward` "
            "do with the gradient that is already there?"
        )
    check_reported(run)
    check_learned(run, FIRST[5])


# Fault: the test images are normalised otherwise than the training images.
@exercise("10.6", FIRST[6], seconds=120)
def mend_6(answer):
    run = run_program(answer)
    way = check_reported(run)
    trained, tested = (run.notes.seen.get((run.model, recorded)) for recorded in (True, False))
    if trained is None or tested is None:
        raise Hint("Train with recording, and test inside of `torch.no_grad()`, as the functions of the package do.")
    trained, tested = trained.double(), tested.double()
    spread = trained.std().item()
    # Means of batches prepared alike differ by up to 0.13 spreads (of 300 draws), the mildest usual mistake makes 0.4.
    if abs(tested.mean() - trained.mean()) > 0.2 * spread or not 0.8 < tested.std() / spread < 1.25:
        if way == "-1..1" and trained.min() == 0:
            raise Hint(FIRST[6])
        if way == "0..1":
            raise Hint(
                "Now it is the other way round: the training images are changed in a way the test images are not."
            )
        raise Hint("The numbers are others now, but training and test images are still not treated alike.")
    # Images in -1..1 make this network restless, and treating both kinds so is a right mending, too.
    check_learned(
        run, "Both kinds of images are alike now, but the network does not learn: was more changed?", least=0.55
    )


# Fault: the gradients are never set back.
@exercise("10.7", FIRST[7], seconds=120)
def mend_7(answer):
    run = run_program(answer, not_finite=FIRST[7])
    if has_stood_still(run):
        raise Hint("Now no weight changes: the gradient is gone before the optimizer uses it, or was never computed.")
    if piled_up(run) > 5:
        if run.history.test_acc[-1] > 0.45:
            raise Hint(
                "It learns better now, but the gradient left behind is still many times that of one batch: you cure "
                "the symptom, and the cause is still there."
            )
        raise Hint(FIRST[7])
    check_reported(run)
    check_learned(run, FIRST[7])


# Fault: the learning rate is 100 times too small.
@exercise("10.8", FIRST[8], seconds=120)
def mend_8(answer):
    run = run_program(answer)
    check_reported(run)
    if run.history.test_acc[-1] < LEAST:
        if run.history.train_loss[0] > EXPLODED:
            raise Hint("Now the loss is above that of guessing, 2.3: you went too far in the other direction.")
        if len(run.history) > 5 and not has_stood_still(run):
            raise Hint(
                "More epochs help a little, at a high price: each step is as short as before. Find what makes it short."
            )
    check_learned(run, FIRST[8])


# Fault: the training images come sorted by label.
@exercise("10.9", FIRST[9], seconds=120)
def mend_9(answer):
    run = run_program(answer)
    check_reported(run)
    history = run.history
    if history.test_acc[-1] < LEAST and not has_stood_still(run):
        if run.notes.steps < 20 * len(history):
            raise Hint("Now there are only a few steps in each epoch, too few to learn from: keep the size of a batch.")
        if history.train_loss[-1] > 2 and way_of_weights(run.model, run.notes.start[run.model]) > 0.15:
            raise Hint(
                "Now even the training loss stays near that of guessing: do images and labels still belong together?"
            )
        if len(history) > 5:
            raise Hint("More epochs do not help: at the end of each one, the network still forgets what it saw first.")
    check_learned(run, FIRST[9])


# Fault: the network is tested in train mode.
@exercise("10.10", FIRST[10], seconds=120)
def mend_10(answer):
    run = run_program(answer)
    layers = list(run.model.modules())
    norms = [layer for layer in layers if isinstance(layer, nn.BatchNorm1d) and layer.track_running_stats]
    if not norms or not any(isinstance(layer, nn.Dropout) and layer.p > 0 for layer in layers):
        raise Hint("Keep batch norm and dropout: they help in training. Only the test should do without their chance.")
    if run.notes.steps == 0:
        raise Hint(UNMOVED)
    if min(layer.num_batches_tracked.item() for layer in norms) < 0.9 * run.notes.steps:
        raise Hint("Now batch norm and dropout are switched to testing during the training, too.")
    accuracy, loss = measure(logits_of(run.model, run.ward[2] / 255), run.ward[3])
    if run.history.test_loss[-1] > 1.1 * loss and run.history.test_acc[-1] < accuracy:
        raise Hint(FIRST[10])
    check_reported(run)
    check_learned(run, "The network learns less than it did: was anything else changed?")


# Fault: the images are not scaled to 0..1.
@exercise("10.11", FIRST[11], seconds=120)
def mend_11(answer):
    run = run_program(answer, not_finite=FIRST[11])
    way, ways = check_reported(run), ways_to_prepare(run)
    if way == "black and white":
        raise Hint("Now nearly all pixels are 0: `//` divides without a fraction.")
    exploded = run.history.train_loss[0] > EXPLODED  # then the network often answers the same to all images, in any way
    if way == "0..255" and not exploded and min(loss for _, loss in ways.values()) < 0.5 * ways[way][1]:
        raise Hint(
            "Training goes well now, but the test loss is enormous: are the test images treated in the same way?"
        )
    if way == "0..255" and run.history.test_acc[-1] > 0.5:
        raise Hint(
            "It learns now, in smaller steps. But what goes into the model is still as large as before, and the usual "
            "learning rates do not fit it: mend that instead."
        )
    check_learned(run, FIRST[11])


# Fault: the optimizer has the weights of another model.
@exercise("10.12", FIRST[12], seconds=120)
def mend_12(answer):
    run = run_program(answer)
    check_reported(run)
    if has_stood_still(run):
        raise Hint(FIRST[12] if size_of_gradient(run.model) > 0 else UNMOVED)
    if any(torch.equal(new, old) for new, old in zip(run.model.parameters(), run.notes.start[run.model])):
        raise Hint("Now some weights of the model change, but not all of them: the optimizer needs every layer.")
    if len(run.history) > 1 and run.history.train_loss[-1] > 0.7 * run.history.train_loss[0]:
        raise Hint(
            "The last epoch is no better than the first: does each epoch go on with the model of the one before?"
        )
    check_learned(run, FIRST[12])
