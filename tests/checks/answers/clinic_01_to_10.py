"""Mendings of patients 1 to 10 of notebook 10, right and wrong, written without a look at the checkers."""

from mnist_lesson.further.faults import BACKWARD, STEP, TEST_WRITTEN_OUT, TRAINING_WRITTEN_OUT, ZERO

TRAIN, TRAIN_LOOP = TRAINING_WRITTEN_OUT  # the call, and the sound loop that may stand in its place
TEST_AND_ADD, TEST_LOOP = TEST_WRITTEN_OUT
TEST = "test_acc, test_loss = test(test_dl, model, loss_fn)"
EPOCHS = "    for epoch in range(5):\n"
EVAL = "        model.eval()\n"
NO_GRAD = "        with torch.no_grad():\n"
SGD = "torch.optim.SGD(model.parameters(), "
RETURN = "    return model, history"


def epoch(*lines):
    """Return lines as they stand in the loop over the epochs."""
    return "".join(f"        {line}\n" for line in lines)


def batch(*lines):
    """Return lines as they stand in the loop over the batches of a training that is written out."""
    return epoch(*(f"    {line}" for line in lines))


def each_epoch(*lines):
    """Return the pair that puts these lines at the start of each epoch."""
    return EPOCHS, EPOCHS + epoch(*lines)


# Pairs that change nothing of importance, and so may go with a right mending.
INFERENCE_MODE = ("torch.no_grad()", "torch.inference_mode()")
COUNTED = ("for images, labels in train_dl:", "for number, (images, labels) in enumerate(train_dl):")
RUNNING_RESULTS = (
    TRAIN,
    epoch("right, total = 0, 0", "model.train()", "for images, labels in train_dl:")
    + batch("logits = model(images)", "loss = loss_fn(logits, labels)")
    + ZERO
    + BACKWARD
    + STEP
    + batch("right += (logits.argmax(dim=1) == labels).sum().item()", "total += loss.item() * labels.shape[0]")
    + epoch("train_acc, train_loss = right / len(train_labels), total / len(train_labels)"),
)
LOGITS_COLLECTED = (
    TEST,
    "model.eval()\n"
    + epoch("with torch.no_grad():", "    logits = torch.cat([model(images) for images, labels in test_dl])")
    + epoch("test_acc = (logits.argmax(1) == test_labels).float().mean().item()")
    + "        test_loss = loss_fn(logits, test_labels).item()",
)

# Pairs that mend nothing, and pairs that make any program wrong, a mended one too.
OTHER_NAME = ("for epoch in", "for turn in")
LEAK = (
    "train_images / 255, train_labels",
    "torch.cat([train_images, test_images]) / 255, torch.cat([train_labels, test_labels])",
)
TRAINED_ON_TEST = ("train_images / 255, train_labels", "test_images / 255, test_labels")
TESTED_ON_TRAINING = ("test(test_dl", "test(train_dl")
COPIED = (TEST, "test_acc, test_loss = train_acc, train_loss")
MADE_UP = ("history.add(train_acc, train_loss, test_acc, test_loss)", "history.add(0.9, 0.3, 0.87, 0.45)")
IN_WRONG_ORDER = ("train_acc, train_loss, test_acc, test_loss)", "test_acc, test_loss, train_acc, train_loss)")
NO_TRAINING = ("= train(train_dl, model, loss_fn, optimizer)", "= test(train_dl, model, loss_fn)")
NEW_NETWORK_RETURNED = (RETURN, "    return small_network(), history")
THREE_EPOCHS = ("range(5)", "range(3)")
TEN_EPOCHS = ("range(5)", "range(10)")
LAST_EPOCH_ONLY = ("        history.add", "        if epoch == 4:\n            history.add")
FIRST_TEST_KEPT = ("        test_acc", "        if epoch == 0:\n            test_acc")
OTHER_MODEL_TRAINED = ("    history = History()", "    model = small_network()\n    history = History()")

# The one pair, or the pairs, with which each patient is mended most simply.
MEND = {
    1: ("lr=10", "lr=0.1"),
    2: ("(train_labels + 1) % 10", "train_labels"),
    3: ("nn.Sequential(small_network(), nn.Softmax(dim=1))", "small_network()"),
    4: ("len(test_dl) * 300", "len(test_images)"),
    5: (STEP + BACKWARD, BACKWARD + STEP),
    6: ("(test_images / 255 - 0.5) / 0.5", "test_images / 255"),
    7: (BACKWARD, ZERO + BACKWARD),
    8: ("lr=0.001", "lr=0.1"),
    9: ("batch_size=20)", "batch_size=20, shuffle=True)"),
    10: (NO_GRAD, EVAL + NO_GRAD),
}
# The ill part of some patients.
SOFTMAX = "nn.Sequential(small_network(), nn.Softmax(dim=1))"
TEST_4 = TEST_LOOP.replace("len(test_images)", "len(test_dl) * 300")
BATCH_5 = ZERO + STEP + BACKWARD
TRAIN_5 = TRAIN_LOOP.replace(ZERO + BACKWARD + STEP, BATCH_5)
TEST_6 = "(test_images / 255 - 0.5) / 0.5"
ORDER_9 = "train_labels.argsort()"
TEST_10 = TEST_LOOP.replace(EVAL, "")
BATCHES_OF_400 = ("batch_size=300", "batch_size=400")  # no number of test images from 900 to 1,000 fills such batches

RIGHT = {
    1: {
        "a rate of 0.1": [MEND[1]],
        "a rate of 0.2, the training written out": [("lr=10", "lr=0.2"), RUNNING_RESULTS],
        "momentum with a rate of 0.01": [("lr=10", "lr=0.01, momentum=0.9")],
        "the rate set in the optimizer": [each_epoch('optimizer.param_groups[0]["lr"] = 0.1')],
        "both loops written out": [MEND[1], TRAINING_WRITTEN_OUT, TEST_WRITTEN_OUT, INFERENCE_MODE],
    },
    2: {
        "the labels as they are": [MEND[2]],
        "taken back in the data set": [
            ("    train_dl", "    train_ds = [(image, (label - 1) % 10) for image, label in train_ds]\n    train_dl")
        ],
        "taken back in each batch": [
            TRAINING_WRITTEN_OUT,
            ("            loss = loss_fn", batch("labels = (labels + 9) % 10") + "            loss = loss_fn"),
            ("train_acc, train_loss = test(train_dl,", "train_acc, train_loss = test(true_dl,"),
            each_epoch("true_dl = DataLoader(TensorDataset(train_images / 255, train_labels), batch_size=20)"),
        ],
        "a list of pairs": [
            (
                "TensorDataset(train_images / 255, (train_labels + 1) % 10)",
                "list(zip(train_images / 255, train_labels))",
            )
        ],
        "ten added, Adam": [("+ 1) % 10", "+ 10) % 10"), ("SGD", "Adam"), ("lr=0.1", "lr=0.001")],
    },
    3: {
        "no softmax": [MEND[3]],
        "log softmax, of which the loss takes another": [("nn.Softmax", "nn.LogSoftmax")],
        "softmax, and the logarithm in the loss": [
            ("nn.CrossEntropyLoss()", "lambda answers, labels: nn.functional.nll_loss(answers.log(), labels)")
        ],
        "an identity in its place": [("nn.Softmax(dim=1)", "nn.Identity()")],
        "the network in a box": [(", nn.Softmax(dim=1)", "")],
    },
    4: {
        "the number of images": [MEND[4]],
        "counted in the loop": [
            ("len(test_dl) * 300", "0"),
            ("                logits", "                size += len(labels)\n                logits"),
        ],
        "the test of the package": [(TEST_4, TEST_AND_ADD)],
        "logits collected": [(TEST_4, TEST_AND_ADD), LOGITS_COLLECTED],
        "losses as a sum": [
            MEND[4],
            (
                "loss_fn(logits, labels).item() * len(labels)",
                'nn.CrossEntropyLoss(reduction="sum")(logits, labels).item()',
            ),
            INFERENCE_MODE,
        ],
    },
    5: {
        "zero, backward, step": [MEND[5]],
        "zero first of all": [
            (BATCH_5, BACKWARD + STEP),
            ("            loss = loss_fn", ZERO + "            loss = loss_fn"),
        ],
        "the training of the package": [(TRAIN_5, TRAIN)],
        "zeros of the model": [MEND[5], ("optimizer.zero_grad()", "model.zero_grad(set_to_none=False)")],
        "Adam, and results while training": [
            (TRAIN_5, TRAIN),
            RUNNING_RESULTS,
            ("SGD", "Adam"),
            ("lr=0.1", "lr=0.002"),
        ],
    },
    6: {
        "the test like the training": [MEND[6]],
        "both with mean and spread of the training": [
            ("    train_ds", "    scale = lambda images: (images / 255 - 0.1307) / 0.3081\n    train_ds"),
            ("train_images / 255", "scale(train_images)"),
            (TEST_6, "scale(test_images)"),
        ],
        "undone in the test": [
            TEST_WRITTEN_OUT,
            ("                logits = model(images)", "                logits = model(images * 0.5 + 0.5)"),
        ],
        "undone in the same line": [(TEST_6, "((test_images / 255 - 0.5) / 0.5 + 1) / 2")],
        "logits collected": [MEND[6], LOGITS_COLLECTED],
    },
    7: {
        "zero before backward": [MEND[7]],
        "zero at the start": [("            loss = loss_fn", ZERO + "            loss = loss_fn")],
        "each gradient dropped": [
            (STEP, STEP + batch("for weights in model.parameters():", "    weights.grad = None"))
        ],
        "zeros of the model": [(BACKWARD, batch("model.zero_grad()") + BACKWARD), TEST_WRITTEN_OUT, INFERENCE_MODE],
        "gradients set, not added": [
            (
                BACKWARD,
                batch("slopes = torch.autograd.grad(loss, list(model.parameters()))")
                + batch("for weights, slope in zip(model.parameters(), slopes):", "    weights.grad = slope"),
            )
        ],
    },
    8: {
        "a rate of 0.1": [MEND[8]],
        "a rate of 0.2": [("lr=0.001", "lr=0.2"), LOGITS_COLLECTED],
        "momentum": [("lr=0.001", "lr=0.02, momentum=0.8")],
        "RMSprop": [("SGD", "RMSprop")],
        "eight epochs": [("lr=0.001", "lr=0.1"), ("range(5)", "range(8)")],
    },
    9: {
        "the loader shuffles": [MEND[9]],
        "a random order": [(ORDER_9, "torch.randperm(len(train_labels))")],
        "a random order for each epoch": [
            each_epoch(
                "order = torch.randperm(len(train_labels))",
                "train_ds = TensorDataset(train_images[order] / 255, train_labels[order])",
                "train_dl = DataLoader(train_ds, batch_size=20)",
            )
        ],
        "a random sampler": [
            ("batch_size=20)", "batch_size=20, sampler=torch.utils.data.RandomSampler(train_ds))"),
            TRAINING_WRITTEN_OUT,
        ],
        "the loader shuffles with a generator": [
            ("batch_size=20)", "batch_size=20, shuffle=True, generator=torch.Generator().manual_seed(1))"),
            TEST_WRITTEN_OUT,
            INFERENCE_MODE,
        ],
    },
    10: {
        "eval before the test": [MEND[10]],
        "train mode off": [(NO_GRAD, epoch("model.train(False)") + NO_GRAD), INFERENCE_MODE],
        "each layer in eval mode": [(NO_GRAD, epoch("for layer in model:", "    layer.eval()") + NO_GRAD)],
        "the test of the package": [(TEST_10, TEST_AND_ADD), RUNNING_RESULTS],
        "eval, then train again": [MEND[10], ("        history.add", "        model.train()\n        history.add")],
    },
}

WRONG = {
    1: {
        "only a name": [OTHER_NAME],
        "a rate of 3": [("lr=10", "lr=3")],
        "a rate far too small": [("lr=10", "lr=0.0001")],
        "Adam with a rate of 1": [("SGD(model.parameters(), lr=10)", "Adam(model.parameters(), lr=1)")],
        "gradients clipped": [
            TRAINING_WRITTEN_OUT,
            (BACKWARD, BACKWARD + batch("nn.utils.clip_grad_norm_(model.parameters(), 1.0)")),
        ],
        "ten epochs": [TEN_EPOCHS],
        "halved after each epoch": [each_epoch('optimizer.param_groups[0]["lr"] = 10 * 0.5**epoch')],
        "mended in the first epoch only": [each_epoch('optimizer.param_groups[0]["lr"] = 0.1 if epoch == 0 else 10')],
        "every tenth batch ill": [
            TRAINING_WRITTEN_OUT,
            COUNTED,
            (STEP, batch('optimizer.param_groups[0]["lr"] = 10 if number % 10 == 0 else 0.1') + STEP),
        ],
        "made up": [MADE_UP],
        "mended, a new network returned": [MEND[1], NEW_NETWORK_RETURNED],
        "mended, three epochs": [MEND[1], THREE_EPOCHS],
    },
    2: {
        "only a name": [OTHER_NAME],
        "the answers shifted in the test": [TEST_WRITTEN_OUT, ("model(images)", "model(images).roll(-1, 1)")],
        "shifted back": [("+ 1) % 10", "- 1) % 10")],
        "no turn, label 10": [("(train_labels + 1) % 10", "train_labels + 1")],
        "nines made zeros": [("(train_labels + 1) % 10", "train_labels % 9")],
        "every tenth label ill": [("(train_labels + 1)", "(train_labels + (torch.arange(2000) % 10 == 0))")],
        "ill in the first epoch": [
            each_epoch("train_ds.tensors = (train_images / 255, (train_labels + (epoch == 0)) % 10)")
        ],
        "every tenth batch ill": [
            MEND[2],
            TRAINING_WRITTEN_OUT,
            COUNTED,
            (
                "            loss = loss",
                batch("labels = (labels + (number % 10 == 0)) % 10") + "            loss = loss",
            ),
        ],
        "the images moved by one": [MEND[2], ("train_images / 255", "train_images.roll(1, 0) / 255")],
        "ten epochs, smaller rate": [TEN_EPOCHS, ("lr=0.1", "lr=0.05")],
        "made up": [MADE_UP],
        "mended, trained on the test images too": [MEND[2], LEAK],
    },
    3: {
        "only a name": [OTHER_NAME],
        "Adam": [("SGD", "Adam"), ("lr=0.1", "lr=0.001")],
        "along the batch": [("dim=1", "dim=0")],
        "a sigmoid": [("nn.Softmax(dim=1)", "nn.Sigmoid()")],
        "a ReLU": [("nn.Softmax(dim=1)", "nn.ReLU()")],
        "the loss without a logarithm": [("CrossEntropyLoss", "NLLLoss")],
        "log softmax, then softmax": [("nn.Softmax(dim=1)", "nn.LogSoftmax(dim=1), nn.Softmax(dim=1)")],
        "steeper probabilities": [
            ("nn.CrossEntropyLoss()", "lambda p, labels: nn.functional.cross_entropy(10 * p, labels)")
        ],
        "moved into the test": [MEND[3], TEST_WRITTEN_OUT, ("loss_fn(logits, ", "loss_fn(logits.softmax(1), ")],
        "mended in the first epoch only": [each_epoch("model[1] = nn.Identity() if epoch == 0 else nn.Softmax(dim=1)")],
        "every tenth batch ill": [
            MEND[3],
            TRAINING_WRITTEN_OUT,
            COUNTED,
            (
                "            loss = loss_fn(model(images), labels)\n",
                batch("logits = model(images)", "if number % 10 == 0:", "    logits = logits.softmax(1)")
                + batch("loss = loss_fn(logits, labels)"),
            ),
        ],
        "mended, no hidden layer": [(SOFTMAX, "nn.Sequential(nn.Flatten(), nn.Linear(784, 10))")],
    },
    4: {
        "batches of 400": [BATCHES_OF_400, ("* 300", "* 400")],
        "batches of 400, mean of their means": [
            BATCHES_OF_400,
            ("len(test_dl) * 300", "len(test_dl)"),
            (".sum().item()", ".float().mean().item()"),
            (".item() * len(labels)", ".item()"),
        ],
        "batches of 400, the accuracy mended only": [
            BATCHES_OF_400,
            ("* 300", "* 400"),
            ("correct / size", "correct / len(test_images)"),
        ],
        "batches of 400, all losses times 400": [BATCHES_OF_400, MEND[4], ("* len(labels)", "* 400")],
        "the number of batches": [("len(test_dl) * 300", "len(test_dl)")],
        "the number of the most": [("len(test_dl) * 300", "1200")],
        "multiplied to look right": [("correct / size", "min(1.0, 1.1 * correct / size)")],
        "sums not set back": [
            MEND[4],
            ("        correct, loss_sum = 0, 0\n", ""),
            ("    history = History()", "    history = History()\n    correct, loss_sum = 0, 0"),
        ],
        "tested on the training images": [("len(test_dl) * 300", "len(train_images)"), ("in test_dl:", "in train_dl:")],
        "copied from the training": [("correct / size, loss_sum / size", "train_acc, train_loss")],
        "mended, trained on the test images": [MEND[4], TRAINED_ON_TEST],
        "mended, losses of wrong labels": [MEND[4], ("loss_fn(logits, labels)", "loss_fn(logits, labels.flip(0))")],
    },
    5: {
        "only a name": [OTHER_NAME],
        "ten epochs": [TEN_EPOCHS],
        "step, zero, backward: one batch late": [(BATCH_5, STEP + ZERO + BACKWARD)],
        "backward, zero, step": [(BATCH_5, BACKWARD + ZERO + STEP)],
        "no backward": [(BATCH_5, ZERO + STEP)],
        "mended, the logits detached": [
            MEND[5],
            ("loss_fn(model(images), labels)", "loss_fn(model(images).detach(), labels)"),
        ],
        "the first batch only": [COUNTED, (BATCH_5, ZERO + batch("if number == 0:", "    loss.backward()") + STEP)],
        "every tenth batch ill": [
            COUNTED,
            (BATCH_5, ZERO + batch("if number % 10 > 0:", "    loss.backward()") + STEP),
        ],
        "noise instead of steps": [
            (STEP, batch("for weights in model.parameters():", "    weights.data += 0.01 * torch.randn_like(weights)"))
        ],
        "made up": [MADE_UP],
        "mended, with labels that are moved": [
            MEND[5],
            ("loss_fn(model(images), labels)", "loss_fn(model(images), labels.roll(1))"),
        ],
        "mended, another model trained": [MEND[5], OTHER_MODEL_TRAINED],
    },
    6: {
        "only a name": [OTHER_NAME],
        "the training stretched, not shifted": [("train_images / 255", "train_images / 255 / 0.5")],
        "the test shifted, not stretched": [(TEST_6, "test_images / 255 - 0.5")],
        "swapped": [("train_images / 255", "(train_images / 255 - 0.5) / 0.5"), MEND[6]],
        "the test inverted": [(TEST_6, "1 - test_images / 255")],
        "the test without signs": [(TEST_6, f"({TEST_6}).abs()")],
        "another shift and stretch": [(TEST_6, "(test_images / 255 - 0.1307) / 0.3081")],
        "the first batch mended only": [
            TEST_WRITTEN_OUT,
            ("for images, labels in test_dl:", "for number, (images, labels) in enumerate(test_dl):"),
            ("model(images)", "model(images * 0.5 + 0.5 if number == 0 else images)"),
        ],
        "trained on the test images": [("train_images / 255, train_labels", f"{TEST_6}, test_labels")],
        "copied from the training": [COPIED],
        "mended, tested on training images": [
            (f"{TEST_6}, test_labels", "train_images[:1000] / 255, train_labels[:1000]")
        ],
        "mended, one epoch kept": [MEND[6], LAST_EPOCH_ONLY],
    },
    7: {
        "only a name": [OTHER_NAME],
        "a rate of 0.001": [("lr=0.1", "lr=0.001")],
        "gradients clipped": [(STEP, batch("nn.utils.clip_grad_norm_(model.parameters(), 1.0)") + STEP)],
        "zero once": [(EPOCHS, "    optimizer.zero_grad()\n" + EPOCHS)],
        "zero at every other batch": [
            COUNTED,
            (BACKWARD, batch("if number % 2 == 0:", "    optimizer.zero_grad()") + BACKWARD),
        ],
        "zero in the first epoch only": [(BACKWARD, batch("if epoch == 0:", "    optimizer.zero_grad()") + BACKWARD)],
        "no zero in the first epoch": [(BACKWARD, batch("if epoch > 0:", "    optimizer.zero_grad()") + BACKWARD)],
        "zero not called": [(BACKWARD, batch("optimizer.zero_grad") + BACKWARD)],
        "zero for the last layer only": [(BACKWARD, batch("model[3].zero_grad()") + BACKWARD)],
        "a new optimizer for each batch": [(BACKWARD, batch(f"optimizer = {SGD}lr=0.1)") + BACKWARD)],
        "made up": [MADE_UP],
        "mended, no step": [MEND[7], (STEP, "")],
    },
    8: {
        "only a name": [OTHER_NAME],
        "a rate of 0.0001": [("lr=0.001", "lr=0.0001")],
        "no rate": [("lr=0.001", "lr=0")],
        "uphill": [("lr=0.001", "lr=0.1, maximize=True")],
        "ten epochs": [TEN_EPOCHS],
        "the sum of the losses": [("nn.CrossEntropyLoss()", 'nn.CrossEntropyLoss(reduction="sum")')],
        "twice the rate after each epoch": [each_epoch('optimizer.param_groups[0]["lr"] = 0.001 * 2**epoch')],
        "mended in the last epoch only": [each_epoch('optimizer.param_groups[0]["lr"] = 0.1 if epoch == 4 else 0.001')],
        "the last layer mended only": [
            (
                "SGD(model.parameters(), lr=0.001)",
                'SGD([{"params": model[1].parameters(), "lr": 0.001}, {"params": model[3].parameters(), "lr": 0.1}])',
            )
        ],
        "trained on the test images too": [LEAK],
        "mended, tested on the training images": [MEND[8], TESTED_ON_TRAINING],
        "mended, numbers in the wrong order": [MEND[8], IN_WRONG_ORDER],
    },
    9: {
        "only a name": [OTHER_NAME],
        "ten epochs": [TEN_EPOCHS],
        "from nine to zero": [(ORDER_9, "train_labels.argsort(descending=True)")],
        "random within each digit only": [(ORDER_9, "(train_labels + 0.9 * torch.rand(2000)).argsort()")],
        "two halves, each sorted": [
            (ORDER_9, "torch.cat([train_labels[:1000].argsort(), 1000 + train_labels[1000:].argsort()])")
        ],
        "shuffled in the first epoch only": [
            each_epoch("train_dl = DataLoader(train_ds, batch_size=20, shuffle=epoch == 0)")
        ],
        "sorted in the first epoch": [each_epoch("train_dl = DataLoader(train_ds, batch_size=20, shuffle=epoch > 0)")],
        "labels no longer sorted, images still": [("train_labels[order]", "train_labels"), MEND[9]],
        "the first quarter only, shuffled": [(ORDER_9, f"{ORDER_9}[:500]"), MEND[9]],
        "made up": [MADE_UP],
        "mended, not trained": [MEND[9], NO_TRAINING],
        "mended, the first test kept": [MEND[9], FIRST_TEST_KEPT],
    },
    10: {
        "only a name": [OTHER_NAME],
        "eval before the training": [(TRAIN, EVAL + TRAIN)],
        "eval at the end": [(RETURN, "    model.eval()\n" + RETURN)],
        "eval for the loss": [(NO_GRAD, epoch("loss_fn.eval()") + NO_GRAD)],
        "eval from the second batch on": [("loss_sum += loss_fn", "model.eval()\n                loss_sum += loss_fn")],
        "every tenth batch ill": [
            (
                "for images, labels in test_dl:\n",
                "for number, (images, labels) in enumerate(test_dl):\n" + batch("    model.train(number % 10 == 0)"),
            )
        ],
        "the dropout in eval mode only": [(NO_GRAD, epoch("model[4].eval()") + NO_GRAD)],
        "a first pass in train mode": [
            (
                NO_GRAD,
                NO_GRAD + epoch("    for images, labels in test_dl:", "        model(images)", "    model.eval()"),
            )
        ],
        "no dropout": [("network_with_dropout()", "network_with_dropout()\n    model[4] = nn.Identity()")],
        "a batch norm that keeps no statistics": [
            MEND[10],
            (
                "network_with_dropout()",
                "network_with_dropout()\n    model[2] = nn.BatchNorm1d(64, track_running_stats=False)",
            ),
        ],
        "eval in the training too": [(TRAIN, TRAIN_LOOP.replace("model.train()", "model.eval()"))],
        "made up": [("correct / size, loss_sum / size", "0.87, 0.45")],
    },
}
