"""Mendings of patients 11 to 20 of notebook 10, right and wrong, written without a look at the checkers."""

# Lines that several programs have, and what takes their place.
TRAIN = "        train_acc, train_loss = train(train_dl, model, loss_fn, optimizer)\n"
TEST = "        test_acc, test_loss = test(test_dl, model, loss_fn)\n"
MEASURE = "        train_acc, train_loss = test(train_dl, model, loss_fn)\n"
FOR_TRAIN = "        for images, labels in train_dl:\n"
HISTORY = "    history = History()\n"
SGD = "torch.optim.SGD(model.parameters(), lr=0.1)"
OPTIMIZER = f"    optimizer = {SGD}\n"
LOOP = """\
        for images, labels in train_dl:
            loss = loss_fn(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
"""
SOUND_LOOP = "        model.train()\n" + LOOP + MEASURE
CLIPPED = SOUND_LOOP.replace(
    "            optimizer.step()\n",
    "            nn.utils.clip_grad_norm_(model.parameters(), 1.0)\n            optimizer.step()\n",
)
COUNTED = """\
        model.train()
        hits, total = 0, 0
        for images, labels in train_dl:
            optimizer.zero_grad(set_to_none=False)
            logits = model(images)
            loss = loss_fn(logits, labels)
            loss.backward()
            optimizer.step()
            hits += (logits.argmax(1) == labels).sum().item()
            total += loss.item() * len(labels)
        train_acc, train_loss = hits / len(train_labels), total / len(train_labels)
"""
SOUND_TEST = """\
        model.eval()
        test_acc, test_loss = 0, 0
        with torch.inference_mode():
            for images, labels in test_dl:
                logits = model(images)
                test_acc += (logits.argmax(dim=1) == labels).sum().item() / len(test_labels)
                test_loss += loss_fn(logits, labels).item() * len(labels) / len(test_labels)
"""

# Pairs for any program that calls `train` and `test`.
ADAM = (SGD, "torch.optim.Adam(model.parameters(), lr=0.001)")
MOMENTUM = (SGD, "torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)")
WRITTEN_OUT = (TRAIN, SOUND_LOOP)
WRITTEN_OUT_AND_COUNTED = (TRAIN, COUNTED)
TEST_WRITTEN_OUT = (TEST, SOUND_TEST)
MORE_EPOCHS = ("range(5)", "range(8)")
FEWER_EPOCHS = ("range(5)", "range(3)")
CLIPPING = (TRAIN, CLIPPED)
NO_ZERO_GRAD = (TRAIN, SOUND_LOOP.replace("            optimizer.zero_grad()\n", ""))
STEP_FIRST = (
    TRAIN,
    SOUND_LOOP.replace(
        "            loss.backward()\n            optimizer.step()\n",
        "            optimizer.step()\n            loss.backward()\n",
    ),
)
NO_TRAINING = (TRAIN, TRAIN.replace("train(train_dl", "test(train_dl").replace(", optimizer)", ")"))
NO_TEST = (TEST, "        test_acc, test_loss = train_acc, train_loss\n")
MADE_UP = (TEST, "        test_acc, test_loss = 0.8 + 0.02 * epoch, 0.6 - 0.05 * epoch\n")
TESTED_ON_TRAINING = (TEST, TEST.replace("test_dl", "train_dl"))
TESTED_ON_A_PART = ("test_images / 255, test_labels", "test_images[:500] / 255, test_labels[:500]")
TEST_LABELS_WRONG = ("test_images / 255, test_labels", "test_images / 255, (test_labels + 1) % 10")
BETTER_ACCURACY = (TEST, TEST + "        test_acc = (test_acc + 1) / 2\n")
OTHER_MODEL = ("return model, history", "return small_network(), history")
RATE_TOO_LARGE = ("lr=0.1", "lr=10")
ONE_LAYER = ("small_network()", "nn.Sequential(nn.Flatten(), nn.Linear(784, 10))")

RAW_TRAIN, RAW_TEST = "train_images.float()", "test_images.float()"
BOTH_SCALED = [(RAW_TRAIN, "train_images / 255"), (RAW_TEST, "test_images / 255")]

SECOND_MODEL = "    model = small_network()\n    history"
ONE_MODEL = (SECOND_MODEL, "    history")

JOINED_IMAGES = "torch.cat([train_images, test_images])"
JOINED_LABELS = "torch.cat([train_labels, test_labels])"
JOINED = f"TensorDataset({JOINED_IMAGES} / 255, {JOINED_LABELS})"
ONLY_TRAINING = (JOINED, "TensorDataset(train_images / 255, train_labels)")

APART = "train_images[order] / 255, train_labels"
TOGETHER = (APART, "train_images[order] / 255, train_labels[order]")
ORDER = "    order = torch.randperm(len(train_images))\n"
TRUE_DL = "    true_dl = DataLoader(TensorDataset(train_images / 255, train_labels), batch_size=20, shuffle=True)\n"

SCHEDULER = "torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.9)"
EACH_BATCH = "            scheduler.step()\n"
EACH_EPOCH = (EACH_BATCH, "        scheduler.step()\n")

LAST_LAYER = "torch.optim.SGD(model[-1].parameters(), lr=0.1)"
ALL_LAYERS = ("model[-1].parameters()", "model.parameters()")

LOG_SOFTMAX = "nn.LogSoftmax(dim=0)"
NETWORK_17 = f"nn.Sequential(small_network(), {LOG_SOFTMAX})"
AXIS_1 = (LOG_SOFTMAX, "nn.LogSoftmax(dim=1)")

COUNT = "(logits.argmax(1, keepdim=True) == labels).float().mean().item() * len(labels)"
RIGHT_COUNT = (COUNT, "(logits.argmax(1) == labels).sum().item()")

APPEND = "            losses.append(loss_fn(logits, labels) * len(labels))\n"
FOR_TEST = "        for images, labels in test_dl:\n"
TEST_LOOP_19 = f"""\
{FOR_TEST}\
            logits = model(images)
            correct += (logits.argmax(1) == labels).sum().item()
{APPEND}"""
NO_GRAD_LOOP_19 = """\
        with torch.no_grad():
            for images, labels in test_dl:
                logits = model(images)
                correct += (logits.argmax(1) == labels).sum().item()
                losses.append(loss_fn(logits, labels) * len(labels))
"""
NO_GRAD_19 = (TEST_LOOP_19, NO_GRAD_LOOP_19)
SUM_19 = "        loss_sum = sum(losses[-len(test_dl) :]).item()\n"
WRITTEN_OUT_TEST_19 = f"""\
        correct = 0
        size = len(test_images)
        model.eval()
{TEST_LOOP_19}{SUM_19}\
        history.add(train_acc, train_loss, correct / size, loss_sum / size)
"""

TRAIN_MODE = (FOR_TRAIN, "        model.train()\n" + FOR_TRAIN)
DROPOUT = "network_with_dropout()"

# For each patient: a few words, and what is replaced in its text, one pair (old, new) after the other.
RIGHT = {
    11: {
        "both divided by 255": BOTH_SCALED,
        "values from -1 to 1, a smaller rate": [
            (RAW_TRAIN, "train_images / 127.5 - 1"),
            (RAW_TEST, "test_images / 127.5 - 1"),
            ("lr=0.1", "lr=0.02"),
        ],
        "standardized with the mean and deviation of the training images, momentum": [
            (RAW_TRAIN, "(train_images - mean) / std"),
            (RAW_TEST, "(test_images - mean) / std"),
            ("    train_ds", "    mean, std = train_images.float().mean(), train_images.float().std()\n    train_ds"),
            (SGD, "torch.optim.SGD(model.parameters(), lr=0.005, momentum=0.9)"),
        ],
        "divided batch by batch": [
            (TRAIN, SOUND_LOOP.replace("model(images)", "model(images / 255)").replace(MEASURE, "")),
            (
                TEST,
                """\
        scaled = [(images / 255, labels) for images, labels in train_dl]
        train_acc, train_loss = test(scaled, model, loss_fn)
        scaled = [(images / 255, labels) for images, labels in test_dl]
        test_acc, test_loss = test(scaled, model, loss_fn)
""",
            ),
        ],
        "both divided by 255, Adam": [*BOTH_SCALED, ADAM],
    },
    12: {
        "the second network removed": [ONE_MODEL],
        "the optimizer gets the weights of the second network": [
            (HISTORY, '    optimizer.param_groups[0]["params"] = list(model.parameters())\n' + HISTORY)
        ],
        "a new optimizer in each epoch": [(TRAIN, "    " + OPTIMIZER + TRAIN)],
        "the second network has a name of its own": [
            (SECOND_MODEL, "    spare = small_network()\n    history"),
            WRITTEN_OUT,
        ],
        "Adam for the second network": [(HISTORY, f"    optimizer = {ADAM[1]}\n" + HISTORY), TEST_WRITTEN_OUT],
    },
    13: {
        "only the training images": [ONLY_TRAINING],
        "a subset of all images": [(JOINED, f"torch.utils.data.Subset({JOINED}, range(len(train_images)))")],
        "a sampler that leaves the test images out": [
            ("shuffle=True", "sampler=torch.utils.data.SubsetRandomSampler(range(len(train_images)))")
        ],
        "a list of pairs": [(JOINED, "list(zip(train_images / 255, train_labels))"), WRITTEN_OUT_AND_COUNTED],
        "only the training images, more epochs": [ONLY_TRAINING, MORE_EPOCHS],
    },
    14: {
        "labels in the same order": [TOGETHER],
        "an order that changes nothing": [("torch.randperm(len(train_images))", "torch.arange(len(train_images))")],
        "pairs put in order": [
            (
                f"TensorDataset({APART})",
                "torch.utils.data.Subset(TensorDataset(train_images / 255, train_labels), order.tolist())",
            )
        ],
        "two orders from the same seed": [
            (
                ORDER,
                """\
    order = torch.randperm(len(train_images), generator=torch.Generator().manual_seed(5))
    same = torch.randperm(len(train_images), generator=torch.Generator().manual_seed(5))
""",
            ),
            (APART, "train_images[order] / 255, train_labels[same]"),
        ],
        "labels in the same order, Adam, loop written out": [TOGETHER, ADAM, WRITTEN_OUT],
    },
    15: {
        "a step of the schedule after each epoch": [EACH_EPOCH],
        "the schedule takes no steps": [(EACH_BATCH, "")],
        "a cosine over the epochs": [
            (SCHEDULER, "torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=5)"),
            EACH_EPOCH,
        ],
        "up and down once": [
            (
                f"    scheduler = {SCHEDULER}\n",
                """\
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=0.15, total_steps=5 * len(train_dl) + 1, cycle_momentum=False
    )
""",
            )
        ],
        "Adam, and a step after each epoch": [ADAM, EACH_EPOCH],
    },
    16: {
        "all weights": [ALL_LAYERS],
        "two groups": [
            (
                "model[-1].parameters()",
                '[{"params": model[1].parameters()}, {"params": model[-1].parameters(), "lr": 0.05}]',
            )
        ],
        "two lists joined": [("model[-1].parameters()", "[*model[1].parameters(), *model[3].parameters()]")],
        "two optimizers": [
            (HISTORY, "    hidden = torch.optim.SGD(model[1].parameters(), lr=0.1)\n" + HISTORY),
            (
                TRAIN,
                SOUND_LOOP.replace(
                    "            optimizer.zero_grad()\n",
                    "            hidden.zero_grad()\n            optimizer.zero_grad()\n",
                ).replace(
                    "            optimizer.step()\n", "            optimizer.step()\n            hidden.step()\n"
                ),
            ),
        ],
        "all weights, momentum, test written out": [ALL_LAYERS, MOMENTUM, TEST_WRITTEN_OUT],
    },
    17: {
        "axis 1": [AXIS_1],
        "logits and the cross entropy": [(NETWORK_17, "small_network()"), ("nn.NLLLoss", "nn.CrossEntropyLoss")],
        "the cross entropy from its formula": [
            (NETWORK_17, "small_network()"),
            (
                "    loss_fn = nn.NLLLoss()\n",
                """\

    def loss_fn(logits, labels):
        return (logits.logsumexp(dim=1) - logits[torch.arange(len(labels)), labels]).mean()

""",
            ),
        ],
        "one flat network": [(NETWORK_17, "nn.Sequential(*small_network(), nn.LogSoftmax(dim=1))")],
        "axis 1, Adam": [AXIS_1, ADAM],
    },
    18: {
        "no kept axis": [RIGHT_COUNT],
        "labels as a column, too": [(COUNT, COUNT.replace("labels)", "labels.unsqueeze(1))", 1))],
        "the column made a row": [(COUNT, COUNT.replace("keepdim=True)", "keepdim=True).T"))],
        "in the shape of the labels": [
            (COUNT, "logits.argmax(1, keepdim=True).view_as(labels).eq(labels).sum().item()")
        ],
        "all answers compared at once": [
            ("        correct, loss_sum = 0, 0\n", "        answers, loss_sum = [], 0\n"),
            (f"correct += {COUNT}", "answers.append(logits.argmax(1))"),
            (
                "        history.add",
                "        correct = (torch.cat(answers) == test_labels).sum().item()\n        history.add",
            ),
            WRITTEN_OUT,
        ],
    },
    19: {
        "no gradients in the test": [NO_GRAD_19],
        "the package's test": [
            (WRITTEN_OUT_TEST_19, TEST + "        history.add(train_acc, train_loss, test_acc, test_loss)\n")
        ],
        "numbers in the list": [
            (APPEND, APPEND.replace("labels) *", "labels).item() *")),
            (SUM_19, SUM_19.replace(".item()", "")),
        ],
        "logits cut off": [("logits = model(images)", "logits = model(images).detach()")],
        "a test function without gradients": [
            (
                HISTORY.replace("history =", "history, losses =").replace("()\n", "(), []\n"),
                """\

    @torch.no_grad()
    def answers_to(images):
        return model(images)

    history, losses = History(), []
""",
            ),
            ("logits = model(images)", "logits = answers_to(images)"),
            WRITTEN_OUT,
        ],
    },
    20: {
        "train mode in each epoch": [TRAIN_MODE],
        "train mode after each test": [(TEST, TEST + "        model.train()\n")],
        "written as train(True), Adam": [(FOR_TRAIN, "        model.train(True)\n" + FOR_TRAIN), ADAM],
        "both layers that have two modes": [
            (FOR_TRAIN, "        model[2].train()\n        model[4].train()\n" + FOR_TRAIN)
        ],
        "train mode, test written out": [TRAIN_MODE, TEST_WRITTEN_OUT],
    },
}
WRONG = {
    11: {
        "only the training images scaled": BOTH_SCALED[:1],
        "only the test images scaled": BOTH_SCALED[1:],
        "whole numbers": [(RAW_TRAIN, "(train_images // 255).float()"), (RAW_TEST, "(test_images // 255).float()")],
        "divided by 2": [(RAW_TRAIN, "train_images / 2"), (RAW_TEST, "test_images / 2")],
        "only the mean taken off": [
            (RAW_TRAIN, "train_images - train_images.float().mean()"),
            (RAW_TEST, "test_images - train_images.float().mean()"),
        ],
        "double instead of float": [
            (RAW_TRAIN, "train_images.double()"),
            (RAW_TEST, "test_images.double()"),
            ("small_network()", "small_network().double()"),
        ],
        "gradients clipped": [CLIPPING],
        "a smaller rate and more epochs": [("lr=0.1", "lr=0.03"), MORE_EPOCHS],
        "raw in every tenth batch": [
            (RAW_TEST, "test_images / 255"),
            (
                TRAIN,
                """\
        batches = enumerate(train_dl)
        data = [(images if number % 10 == 0 else images / 255, labels) for number, (images, labels) in batches]
"""
                + TRAIN.replace("train_dl", "data"),
            ),
        ],
        "scaled in the last test only": [
            BOTH_SCALED[0],
            (
                TEST,
                "        data = [(images / 255 if epoch == 4 else images, labels) for images, labels in test_dl]\n"
                + TEST.replace("test_dl", "data"),
            ),
        ],
        "scaled, another network returned": [*BOTH_SCALED, OTHER_MODEL],
        "scaled, a rate that is too large": [*BOTH_SCALED, RATE_TOO_LARGE],
    },
    12: {
        "other names": [
            (HISTORY, "    the_history = History()\n"),
            ("        history.add", "        the_history.add"),
            ("return model, history", "return model, the_history"),
        ],
        "a deep copy": [(SECOND_MODEL, "    import copy\n\n    model = copy.deepcopy(model)\n    history")],
        "a larger rate": [("lr=0.1", "lr=1")],
        "more epochs": [MORE_EPOCHS],
        "mended in the last epoch": [(TRAIN, f"        if epoch == 4:\n            optimizer = {SGD}\n" + TRAIN)],
        "mended after the first epoch": [(TRAIN, TRAIN + f"        if epoch == 0:\n            optimizer = {SGD}\n")],
        "one network trained, the other tested": [
            (SECOND_MODEL, "    first = model\n" + SECOND_MODEL),
            (TRAIN, TRAIN.replace("model", "first")),
        ],
        "only the last layer of the second network": [
            (HISTORY, "    optimizer = torch.optim.SGD(model[-1].parameters(), lr=0.1)\n" + HISTORY)
        ],
        "the second network with a rate of 0": [
            (HISTORY, '    optimizer.add_param_group({"params": model.parameters(), "lr": 0.0})\n' + HISTORY)
        ],
        "network and optimizer new in each epoch": [
            (TRAIN, f"        model = small_network()\n        optimizer = {SGD}\n" + TRAIN)
        ],
        "made up": [MADE_UP],
        "one network, gradients added up": [ONE_MODEL, NO_ZERO_GRAD],
    },
    13: {
        "no shuffling": [(", shuffle=True", "")],
        "one batch of the test images": [
            (JOINED_IMAGES, JOINED_IMAGES.replace("test_images", "test_images[:20]")),
            (JOINED_LABELS, JOINED_LABELS.replace("test_labels", "test_labels[:20]")),
        ],
        "as many images, taken from the wrong end": [
            (f"{JOINED_IMAGES} / 255", f"{JOINED_IMAGES}[len(test_images) :] / 255"),
            (JOINED_LABELS, f"{JOINED_LABELS}[len(test_images) :]"),
        ],
        "a random split of all images": [
            (
                "    train_dl",
                "    train_ds = torch.utils.data.random_split(train_ds, [len(train_images), len(test_images)])[0]\n    train_dl",
            )
        ],
        "only the labels of the test images removed": [(JOINED_LABELS, "train_labels")],
        "mended in the first epoch only": [
            ONLY_TRAINING,
            (
                TRAIN,
                f"        if epoch == 1:\n            train_dl = DataLoader({JOINED}, batch_size=20, shuffle=True)\n"
                + TRAIN,
            ),
        ],
        "a smaller rate": [("lr=0.1", "lr=0.05")],
        "a step on test images after each epoch": [
            ONLY_TRAINING,
            (
                TRAIN,
                TRAIN
                + """\
        images, labels = next(iter(test_dl))
        optimizer.zero_grad()
        loss_fn(model(images), labels).backward()
        optimizer.step()
""",
            ),
        ],
        "tested on the training images": [ONLY_TRAINING, TESTED_ON_TRAINING],
        "tested on the images that were not joined": [
            (JOINED_IMAGES, JOINED_IMAGES.replace("test_images", "test_images[:450]")),
            (JOINED_LABELS, JOINED_LABELS.replace("test_labels", "test_labels[:450]")),
            (
                "TensorDataset(test_images / 255, test_labels)",
                "TensorDataset(test_images[450:] / 255, test_labels[450:])",
            ),
        ],
        "only the training images, three epochs": [ONLY_TRAINING, FEWER_EPOCHS],
        "results lowered": [(TEST, TEST + "        test_acc = test_acc - 0.05\n")],
    },
    14: {
        "labels in the reverse order": [(APART, APART + "[order.flip(0)]")],
        "labels in an order of their own": [(APART, APART + "[torch.randperm(len(train_labels))]")],
        "only the labels in that order": [(APART, "train_images / 255, train_labels[order]")],
        "half of the labels in that order": [
            (APART, "train_images[order] / 255, torch.cat([train_labels[order][:1000], train_labels[1000:]])")
        ],
        "images in the order of their labels": [("torch.randperm(len(train_images))", "train_labels.argsort()")],
        "no shuffling": [(", shuffle=True", "")],
        "images and labels sorted": [
            ("torch.randperm(len(train_images))", "train_labels.argsort()"),
            TOGETHER,
            (", shuffle=True", ""),
        ],
        "right in the first epoch only": [
            (HISTORY, TRUE_DL + HISTORY),
            (TRAIN, TRAIN.replace("train_dl", "true_dl if epoch == 0 else train_dl")),
        ],
        "labels of every tenth batch mixed": [
            TOGETHER,
            (
                TRAIN,
                """\
        data = list(train_dl)
        for number in range(0, len(data), 10):
            images, labels = data[number]
            data[number] = images, labels[torch.randperm(len(labels))]
"""
                + TRAIN.replace("train_dl", "data"),
            ),
        ],
        "together, tested on a part": [TOGETHER, TESTED_ON_A_PART],
        "together, wrong test labels": [TOGETHER, TEST_LABELS_WRONG],
        "together, step first": [TOGETHER, STEP_FIRST],
    },
    15: {
        "a larger rate at first": [("lr=0.1", "lr=1")],
        "a faster fall": [("gamma=0.9", "gamma=0.5")],
        "a rise": [("gamma=0.9", "gamma=1.1")],
        "in the first epoch only": [(EACH_BATCH, "            if epoch == 0:\n                scheduler.step()\n")],
        "but for the first epoch": [(EACH_BATCH, "            if epoch > 0:\n                scheduler.step()\n")],
        "a new schedule in each epoch": [
            ("        model.train()\n", f"        scheduler = {SCHEDULER}\n        model.train()\n")
        ],
        "after each epoch, and too fast": [("gamma=0.9", "gamma=0.01"), EACH_EPOCH],
        "after each batch and each epoch": [(EACH_BATCH, EACH_BATCH + "        scheduler.step()\n")],
        "momentum": [MOMENTUM],
        "more epochs": [MORE_EPOCHS],
        "after each epoch, gradients added up": [EACH_EPOCH, ("            optimizer.zero_grad()\n", "")],
        "after each epoch, step before backward": [
            EACH_EPOCH,
            (
                "            loss.backward()\n            optimizer.step()\n",
                "            optimizer.step()\n            loss.backward()\n",
            ),
        ],
    },
    16: {
        "only the hidden layer": [("model[-1].parameters()", "model[1].parameters()")],
        "the first entry of the network, which has no weights": [
            ("model[-1].parameters()", "[*model[0].parameters(), *model[-1].parameters()]")
        ],
        "no biases": [("model[-1].parameters()", "[model[1].weight, model[3].weight]")],
        "a rate of 0 for the hidden layer": [
            (HISTORY, '    optimizer.add_param_group({"params": model[1].parameters(), "lr": 0.0})\n' + HISTORY)
        ],
        "all weights, the hidden layer frozen": [
            ALL_LAYERS,
            (HISTORY, "    model[1].requires_grad_(False)\n" + HISTORY),
        ],
        "the hidden layer in the first epoch only": [
            ALL_LAYERS,
            (TRAIN, f"        if epoch == 1:\n            optimizer = {LAST_LAYER}\n" + TRAIN),
        ],
        "one layer in each epoch": [
            (
                TRAIN,
                "        layer = model[1] if epoch % 2 else model[3]\n"
                "        optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)\n" + TRAIN,
            )
        ],
        "two optimizers, one adds gradients up": [
            (HISTORY, "    hidden = torch.optim.SGD(model[1].parameters(), lr=0.1)\n" + HISTORY),
            (
                TRAIN,
                SOUND_LOOP.replace(
                    "            optimizer.step()\n", "            optimizer.step()\n            hidden.step()\n"
                ),
            ),
        ],
        "more epochs": [MORE_EPOCHS],
        "the hidden layer removed": [ONE_LAYER],
        "all weights, another network returned": [ALL_LAYERS, OTHER_MODEL],
        "all weights, a better accuracy": [ALL_LAYERS, BETTER_ACCURACY],
    },
    17: {
        "the cross entropy after the wrong axis": [("nn.NLLLoss", "nn.CrossEntropyLoss")],
        "logits without softmax": [(NETWORK_17, "small_network()")],
        "softmax twice": [(LOG_SOFTMAX, "nn.Softmax(dim=1)"), ("nn.NLLLoss", "nn.CrossEntropyLoss")],
        "both axes": [(LOG_SOFTMAX, "nn.LogSoftmax(dim=0), nn.LogSoftmax(dim=1)")],
        "axis 1 in the training only": [
            (TRAIN, "        model[1].dim = 1\n" + TRAIN),
            (TEST, "        model[1].dim = 0\n" + TEST),
        ],
        "axis 1 but for the first epoch": [(TEST, TEST + "        model[1].dim = 1\n")],
        "axis 1 but for the last epoch": [(TRAIN, "        model[1].dim = int(epoch < 4)\n" + TRAIN)],
        "another loss": [(NETWORK_17, "small_network()"), ("nn.NLLLoss", "nn.MultiMarginLoss")],
        "more epochs": [MORE_EPOCHS],
        "gradients clipped": [CLIPPING],
        "uphill": [AXIS_1, ("nn.NLLLoss()", "lambda answers, labels: -nn.functional.nll_loss(answers, labels)")],
        "axis 1, tested on the training images": [AXIS_1, TESTED_ON_TRAINING],
    },
    18: {
        "a sum of all pairs": [(COUNT, COUNT.replace(".float().mean().item() * len(labels)", ".sum().item()"))],
        "multiplied": [(COUNT, "8.6 * " + COUNT)],
        "labels as a row": [(COUNT, COUNT.replace("labels)", "labels.unsqueeze(0))", 1))],
        "the wrong axis squeezed": [(COUNT, COUNT.replace("keepdim=True)", "keepdim=True).squeeze(0)"))],
        "one column": [(COUNT, COUNT.replace("labels)", "labels)[:, 0]", 1))],
        "among the best three": [(COUNT, "(logits.topk(3)[1] == labels.unsqueeze(1)).sum().item()")],
        "a mean for a count": [(COUNT, COUNT.replace(", keepdim=True", "").replace(" * len(labels)", ""))],
        "right in the last epoch only": [(COUNT, COUNT.replace("keepdim=True", "keepdim=epoch < 4"))],
        "right count, a loss without the batch's size": [
            RIGHT_COUNT,
            ("loss_fn(logits, labels).item() * len(labels)", "loss_fn(logits, labels).item()"),
        ],
        "right count, no training": [RIGHT_COUNT, NO_TRAINING],
        "right count, percent": [RIGHT_COUNT, ("correct / size", "100 * correct / size")],
        "right count, another network returned": [RIGHT_COUNT, OTHER_MODEL],
    },
    19: {
        "no_grad without with": [(FOR_TEST, "        torch.no_grad()\n" + FOR_TEST)],
        "no gradients for the count only": [
            (
                "            correct += (logits.argmax(1) == labels).sum().item()\n",
                "            with torch.no_grad():\n                correct += (logits.argmax(1) == labels).sum().item()\n",
            )
        ],
        "numbers in the sum only": [
            (SUM_19, "        loss_sum = sum(loss.item() for loss in losses[-len(test_dl) :])\n")
        ],
        "losses moved to the CPU": [(APPEND, APPEND.replace("labels) *", "labels).cpu() *"))],
        "logits deleted": [(APPEND, APPEND + "            del logits\n")],
        "gradients off in the first epoch only": [
            (FOR_TEST, "        torch.set_grad_enabled(epoch > 0)\n" + FOR_TEST),
            (SUM_19, SUM_19 + "        torch.set_grad_enabled(True)\n"),
        ],
        "gradients off in the last epoch only": [
            (FOR_TEST, "        torch.set_grad_enabled(epoch < 4)\n" + FOR_TEST),
            (SUM_19, SUM_19 + "        torch.set_grad_enabled(True)\n"),
        ],
        "losses cut off, logits kept": [
            (APPEND, APPEND.replace("labels) *", "labels).detach() *") + "            kept.append(logits)\n"),
            (
                HISTORY.replace("history =", "history, losses =").replace("()\n", "(), []\n"),
                "    history, losses, kept = History(), [], []\n",
            ),
        ],
        "no gradients in the test, losses of the training images kept": [
            NO_GRAD_19,
            (
                HISTORY.replace("history =", "history, losses =").replace("()\n", "(), []\n"),
                "    history, losses, kept = History(), [], []\n",
            ),
            (
                TRAIN,
                TRAIN
                + "        for images, labels in train_dl:\n            kept.append(loss_fn(model(images), labels))\n"
                "        train_loss = sum(kept[-len(train_dl) :]).item() / len(train_dl)\n",
            ),
        ],
        "no gradients, no training": [NO_GRAD_19, NO_TRAINING],
        "no gradients, a loss of all epochs": [NO_GRAD_19, (SUM_19, "        loss_sum = sum(losses).item()\n")],
        "no gradients, another network returned": [NO_GRAD_19, OTHER_MODEL],
    },
    20: {
        "once before all epochs": [("    for epoch in range(5):\n", "    model.train()\n    for epoch in range(5):\n")],
        "in the last epoch": [(FOR_TRAIN, "        if epoch == 4:\n            model.train()\n" + FOR_TRAIN)],
        "after the loop over the batches": [(TEST, "        model.train()\n" + TEST)],
        "not called": [(FOR_TRAIN, "        model.train\n" + FOR_TRAIN)],
        "eval mode": [(FOR_TRAIN, "        model.eval()\n" + FOR_TRAIN)],
        "the flag of the network alone": [(FOR_TRAIN, "        model.training = True\n" + FOR_TRAIN)],
        "only batch norm": [(FOR_TRAIN, "        model[2].train()\n" + FOR_TRAIN)],
        "in every tenth batch": [
            (
                FOR_TRAIN,
                """\
        for number, (images, labels) in enumerate(train_dl):
            model.train(number % 10 == 0)
""",
            )
        ],
        "dropout and batch norm removed": [(DROPOUT, "small_network()")],
        "no eval mode in the test": [TRAIN_MODE, (TEST, SOUND_TEST.replace("model.eval()", "model.train()"))],
        "more epochs": [MORE_EPOCHS],
        "train mode, no test": [TRAIN_MODE, NO_TEST],
    },
}
