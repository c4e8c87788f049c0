"""Check the mended training programs of notebook 10, the bug clinic.

A checker runs the learner's program on images drawn anew each time, and looks at what came out, at each step and at
each test: whether the fault is gone, not only whether the results are good. It never reads the code.
The faults are named in comments, since the help in the notebook shows docstrings.
"""

import math
import statistics

import torch
import torch.nn.functional as F

from mnist_lesson.checks.compare import Hint
from mnist_lesson.checks.judge import exercise
from mnist_lesson.checks.nb10_run import (
    EXPLODED,
    MOST_RATE,
    as_in_test,
    check_learned,
    check_modes_kept,
    check_reported,
    check_sound,
    check_steps,
    ends_of,
    gradients_pile_up,
    has_stood_still,
    is_reported,
    logits_of,
    measure,
    rates_are_short,
    recounts,
    run_program,
    tests,
    why_unmoved,
)
from mnist_lesson.further.faults import network_with_dropout
from mnist_lesson.further.watch import missed_weights, size_of_gradient, training_passes

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
    13: "The test accuracy is far above that of any healthy run, though the network has learned as usual. Which images "
    "does the training loader hand out, and how many of them are there?",
    14: "The loss stays near that of guessing, 2.3, although the weights move in each epoch. Look at the first images "
    "of a training batch together with their labels.",
    15: "The loss falls for a moment and then stands still. Print the learning rate after each of the first twenty "
    "batches.",
    16: "The network learns, but much less than it could, and the gradient left behind is enormous. Print for each layer "
    "how far its weights went. Which weights does the optimizer hold?",
    17: "The training loss and the test loss do not fit together, and the first loss is not that of guessing. Over which "
    "axis do the probabilities of an image add up to 1?",
    18: "The reported test loss is healthy, and the reported test accuracy is that of guessing. Print the shapes of the "
    "two tensors that are compared to count the right answers, and the shape of the result.",
    19: "All results are healthy, but the memory fills with each epoch. What does PyTorch keep as long as a loss tensor "
    "is kept?",
    20: "The network learns its training images better than a network with dropout should. Print `model.training` at the "
    "start of each epoch.",
}


# Fault: the learning rate is 100 times too large.
@exercise("10.1", FIRST[1], seconds=120)
def mend_1(answer):
    run = run_program(answer, not_finite=FIRST[1])
    if any(step.reach and step.rate > MOST_RATE for step in run.notes.steps):
        if run.history.train_loss[0] > EXPLODED:
            raise Hint(FIRST[1])
        raise Hint("Better: the loss no longer explodes. But it still jumps about. Go further in the same direction.")
    if rates_are_short(run):
        raise Hint("Now the loss falls steadily but slowly, and the weights hardly move: you went too far.")
    check_sound(run, FIRST[1])


# Fault: the training labels are shifted by one, the test labels are right.
@exercise("10.2", FIRST[2], seconds=120)
def mend_2(answer):
    run = run_program(answer)
    recounts(run)
    logits, labels = logits_of(run.model, as_in_test(run)), run.ward[3]
    as_shifted, as_shifted_back = (measure(logits, (labels + shift) % 10) for shift in (1, -1))
    if as_shifted[0] > 0.6:
        if is_reported(run, -1, as_shifted):
            raise Hint(
                "Now the test reports a high accuracy, but the model still calls a 3 a 4: you made the test as wrong "
                "as the training. The labels of the test set are right."
            )
        check_reported(run)
        raise Hint(FIRST[2])
    if as_shifted_back[0] > 0.6:
        raise Hint("Now the model calls a 3 a 2: the mistake has only changed its direction.")
    check_sound(run, "Not each training image comes with its own label yet: compare some pictures with their labels.")


# Fault: a softmax comes between the logits and the cross entropy.
@exercise("10.3", FIRST[3], seconds=120)
def mend_3(answer):
    run = run_program(answer)
    recounts(run)
    logits = logits_of(run.model, as_in_test(run))
    sums = logits.sum(dim=1)
    if logits.min() >= 0 and torch.allclose(sums, torch.ones(len(logits)), atol=1e-3):
        check_steps(run, FIRST[3])  # whoever trains with the logarithms of these probabilities is right
    elif logits.abs().max() <= 1 and not has_stood_still(run):
        raise Hint(
            "All answers of the model still lie between 0 and 1, or -1 and 1: the loss cannot become small from there."
        )
    elif logits.min() >= 0:
        raise Hint("The answers of the model are never negative: something still changes what the last layer gives.")
    reported = run.history.test_loss[-1]
    if not has_stood_still(run) and math.isclose(
        reported, F.cross_entropy(logits.softmax(1), run.ward[3]), rel_tol=1e-3
    ):
        raise Hint(
            "The model answers with logits now, but the reported loss is not their cross entropy: something still "
            "stands between the two."
        )
    check_sound(run, "The loss that is trained is not the cross entropy of what the model answers.")


# Fault: the averages of the test are divided by a number that is not that of the images.
@exercise("10.4", FIRST[4], seconds=120)
def mend_4(answer):
    run = run_program(answer)
    accuracy, loss = recounts(run)[-1]
    labels = run.ward[3]
    if not is_reported(run, -1, (accuracy, loss)):
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
    check_sound(run, "The averages are right now, but the training is not what it was: was anything else changed?")


STEP_TOO_EARLY = (
    "`step` changed the weights between the forward pass and `backward`, which still needed the old ones: the "
    "order of the calls is not right yet."
)


# Fault: the step comes before backward, when there is no gradient yet.
@exercise("10.5", FIRST[5], errors={"modified by an inplace operation": STEP_TOO_EARLY}, seconds=120)
def mend_5(answer):
    run = run_program(answer)
    if has_stood_still(run):
        if not run.notes.steps:
            raise Hint("The optimizer takes no step at all now: who changes the weights?")
        if size_of_gradient(run.model) == 0:
            raise Hint(
                "Still no weight changes, and now there is no gradient at the end either: it is deleted before the "
                "optimizer uses it, or never computed."
            )
        raise Hint(FIRST[5])
    if gradients_pile_up(run):
        raise Hint(
            "Now the weights move, but the gradient is many times that of one batch: what does `backward` do with the "
            "gradient that is already there?"
        )
    check_sound(run, "The weights move now, but not by the gradient of their batch alone: when is the old one deleted?")


# Fault: the test images are normalised otherwise than the training images.
@exercise("10.6", FIRST[6], seconds=120)
def mend_6(answer):
    run = run_program(answer)
    recounts(run)
    trained, tested = ends_of(training_passes(run.notes)), ends_of([one for test in tests(run) for one in test])
    if trained != tested:
        if trained == {(0, 1)} and tested == {(-1, 1)}:
            raise Hint(FIRST[6])
        if trained == {(-1, 1)} and tested == {(0, 1)}:
            raise Hint(
                "Now it is the other way round: the training images are changed in a way the test images are not."
            )
        raise Hint("The numbers are others now, but training and test images are still not treated alike.")
    check_sound(run, "Both kinds of images are alike now, but the training is not what it was: was more changed?")


# Fault: the gradients are never set back.
@exercise("10.7", FIRST[7], seconds=120)
def mend_7(answer):
    run = run_program(answer, not_finite=FIRST[7])
    if has_stood_still(run):
        raise Hint("Now no weight changes: the gradient is gone before the optimizer uses it, or was never computed.")
    if gradients_pile_up(run):
        if run.history.test_acc[-1] > 0.45:
            raise Hint(
                "It learns better now, but the gradient is still many times that of one batch: you cure the symptom, "
                "and the cause is still there."
            )
        raise Hint(FIRST[7])
    check_sound(
        run, "The optimizer does not find the gradient of its own batch alone. Is the old one deleted for each batch?"
    )


# Fault: the learning rate is 100 times too small.
@exercise("10.8", FIRST[8], seconds=120)
def mend_8(answer):
    run = run_program(answer)
    check_reported(run)
    if run.history.train_loss[0] > EXPLODED:
        raise Hint("Now the loss is above that of guessing, 2.3: you went too far in the other direction.")
    if rates_are_short(run) and not has_stood_still(run):
        if len(run.notes.steps) > 500:
            raise Hint(
                "More steps help a little, at a high price: each step is as short as before. Find what makes it short."
            )
        raise Hint(FIRST[8])
    if any(step.reach and step.rate > MOST_RATE for step in run.notes.steps):
        raise Hint("Now the learning rate is so large that the loss jumps about: you went too far.")
    check_sound(run, FIRST[8])


# Fault: the training images come sorted by label.
@exercise("10.9", FIRST[9], seconds=120)
def mend_9(answer):
    run = run_program(answer)
    check_reported(run)
    if 0 < len(run.notes.steps) < 20 * len(run.history):
        raise Hint("Now there are only a few steps in each epoch, too few to learn from: keep the size of a batch.")
    check_steps(run, "The labels do not fit the images any more: shuffle both in the same way.")
    # A batch of 20 shuffled images holds some 9 digits, and never one only.
    batches = [run.ward[1][one.places] for one in training_passes(run.notes) if len(one.places) >= 20]
    if any(len(batch.unique()) < 3 for batch in batches):
        if len(run.history) > 5:
            raise Hint("More epochs do not help: at the end of each one, the network still forgets what it saw first.")
        raise Hint(FIRST[9])
    check_learned(run, FIRST[9])


# Fault: the network is tested in train mode.
@exercise("10.10", FIRST[10], seconds=120)
def mend_10(answer):
    run = run_program(answer)
    check_modes_kept(run)
    recounts(run)
    in_train_mode = any(True in one.modes for test in tests(run) for one in test)
    if any(False in one.modes for one in training_passes(run.notes)):
        also = (
            "and to training in the test: it is the wrong way round" if in_train_mode else "too: both need their mode"
        )
        raise Hint(f"Now batch norm and dropout are switched to testing in the training, {also}.")
    if in_train_mode:
        raise Hint(FIRST[10])
    hint = "The modes are right now, but the training is not what it was: was anything else changed?"
    check_sound(run, hint, network=network_with_dropout)


# Fault: the images are not scaled to 0..1.
@exercise("10.11", FIRST[11], seconds=120)
def mend_11(answer):
    run = run_program(answer, not_finite=FIRST[11])
    trained = training_passes(run.notes)
    if any((one.places < 0).all() for one in trained):
        raise Hint("The pictures have changed: `//` divides without a fraction, and nearly all pixels become 0.")
    recounts(run)
    tested = [one for test in tests(run) for one in test]
    if any(max(map(abs, ends)) > 10 for ends in ends_of(trained)):
        if run.history.test_acc[-1] > 0.5:
            raise Hint(
                "It learns now. But what goes into the model is still as large as before, and the usual learning rates "
                "and layers do not fit it: mend that instead."
            )
        raise Hint(FIRST[11])
    if ends_of(trained) != ends_of(tested):
        raise Hint("The training images are scaled now: are the test images treated in the same way?")
    check_sound(run, FIRST[11])


# Fault: the optimizer has the weights of another model.
@exercise("10.12", FIRST[12], seconds=120)
def mend_12(answer):
    run = run_program(answer)
    if has_stood_still(run):
        raise Hint(FIRST[12] if size_of_gradient(run.model) > 0 else why_unmoved(run))
    check_sound(run, FIRST[12])


# Fault: the test images are among the training images.
@exercise("10.13", FIRST[13], seconds=120)
def mend_13(answer):
    run = run_program(answer)
    if any((one.places >= len(run.ward[0])).any() for one in training_passes(run.notes)):
        raise Hint(FIRST[13])
    check_sound(run, "The test images are out of the training now, but it is not what it was: was more changed?")


# Fault: the images are shuffled, and their labels are not.
@exercise("10.14", FIRST[14], seconds=120)
def mend_14(answer):
    check_sound(run_program(answer), FIRST[14])


# Fault: the learning rate is lowered after each batch instead of each epoch.
@exercise("10.15", FIRST[15], seconds=120)
def mend_15(answer):
    run = run_program(answer)
    rates = [step.rate for step in run.notes.steps]
    if rates and statistics.median(rates) < 0.1 * max(rates):
        raise Hint(FIRST[15])
    check_sound(run, "The learning rate lasts now, but the training is not what it was: was anything else changed?")


# Fault: the optimizer holds only the weights of the last layer.
@exercise("10.16", FIRST[16], seconds=120)
def mend_16(answer):
    run = run_program(answer)
    if missed_weights(run.model, run.notes.steps):
        raise Hint(FIRST[16])
    check_sound(run, FIRST[16])


# Fault: the softmax runs over the images of the batch instead of the classes.
@exercise("10.17", FIRST[17], seconds=120)
def mend_17(answer):
    run = run_program(answer)
    images = as_in_test(run)[:50]
    if not torch.allclose(logits_of(run.model, images)[:1], logits_of(run.model, images[:1]), atol=1e-3):
        raise Hint(FIRST[17])  # the answer to an image depends on the other images of the batch
    check_sound(run, FIRST[17])


# Fault: (N, 1) is compared with (N,), which gives a table of N times N.
@exercise("10.18", FIRST[18], seconds=120)
def mend_18(answer):
    run = run_program(answer)
    accuracy, loss = recounts(run)[-1]
    if math.isclose(run.history.test_loss[-1], loss, rel_tol=1e-3) and run.history.test_acc[-1] < 0.5 * accuracy:
        raise Hint(FIRST[18])
    check_sound(run, "The right answers are counted now, but the training is not what it was: was more changed?")


# Fault: the test records everything for `backward`, and its loss tensors are kept.
@exercise("10.19", FIRST[19], seconds=120)
def mend_19(answer):
    run = run_program(answer)
    if run.notes.most_records > 3:
        if run.notes.most_records < 50:
            raise Hint(
                f"Less is kept now, but still {run.notes.most_records} passes at a time: a healthy program keeps one or "
                "two. Which tensors remember how they were computed?"
            )
        raise Hint(FIRST[19])
    check_sound(run, "The memory stays empty now, but the program is not what it was: was anything else changed?")


# Fault: the network stays in eval mode after the first test.
@exercise("10.20", FIRST[20], seconds=120)
def mend_20(answer):
    run = run_program(answer)
    check_modes_kept(run)
    if any(False in one.modes for one in training_passes(run.notes)):
        raise Hint(FIRST[20])
    recounts(run)
    if any(True in one.modes for test in tests(run) for one in test):
        raise Hint("Now the network is in train mode in the test, too: both need a mode of their own.")
    hint = "The modes are right now, but the training is not what it was: was anything else changed?"
    check_sound(run, hint, network=network_with_dropout)
