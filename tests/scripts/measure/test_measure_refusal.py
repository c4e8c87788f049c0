"""scripts/measure/measure_refusal.py: rules that refuse what is no digit, compared by what they cost and bring."""

import json

import measure_refusal
import pytest
import torch

from mnist_lesson import stored as package
from mnist_lesson.further import handwriting
from mnist_lesson.further.recipes import hold_out, load_tensors
from mnist_lesson.results import load_run
from mnist_lesson.stored import READER_DIR, REFERENCE_DIR, STORED_DIR

COSTS, RULES = measure_refusal.COSTS, list(measure_refusal.RULES)


@pytest.fixture(scope="module")
def training():
    (images, labels), (held, _) = hold_out(*load_tensors(train=True))
    return images[:1000], labels[:1000], held


@pytest.fixture(scope="module")
def model():
    return load_run(REFERENCE_DIR).model


def test_each_rule_gives_each_image_the_score_that_its_name_says(training, model):
    images, labels, held = training
    scores = measure_refusal.scorer(model, images, labels)(held[:50])
    assert list(scores) == RULES
    with torch.no_grad():
        logits = model(held[:50]).double()
    p = logits.softmax(1).sort(descending=True).values
    expected = {
        "probability": p[:, 0],
        "margin": p[:, 0] - p[:, 1],
        "entropy": (p * p.log()).sum(1),
        "logit": logits.max(1).values,
        "energy": logits.exp().sum(1).log(),
    }
    for rule, values in expected.items():
        assert torch.allclose(scores[rule], values, atol=1e-5), rule


def test_the_distance_is_that_of_mahalanobis(training, model):
    from mnist_lesson.further.inside import collect_features

    images, labels, held = training
    score = measure_refusal.scorer(model, images, labels)
    features = collect_features(images, model).double()
    means = torch.stack([features[labels == digit].mean(0) for digit in range(10)])
    covariance = torch.cov((features - means[labels]).T)
    covariance += 1e-3 * covariance.trace() / 64 * torch.eye(64)
    for image in held[:5]:
        apart = collect_features(image[None], model).double() - means  # (10, 64)
        nearest = min((row @ torch.linalg.inv(covariance) @ row).sqrt().item() for row in apart)
        assert score(image[None])["distance"].item() == pytest.approx(-nearest, rel=1e-4)


def all_rules(values) -> dict:
    return {rule: torch.as_tensor(values, dtype=torch.float64) for rule in RULES}


def test_a_rule_that_separates_refuses_all_at_any_cost():
    found = measure_refusal.compare(
        all_rules(range(1000, 2000)), all_rules([500, 1500, 1500, 1500]), all_rules(range(10)), ["a"] * 5 + ["b"] * 5
    )
    for row in found.values():
        assert row["area"] == 1 and row["refused"] == [1] * len(COSTS)
        assert row["refused_by_family"] == {"a": 1, "b": 1} and row["refused_drawn"] == 0.25
        assert row["threshold"] == pytest.approx(1010, abs=1) and row["gain"] == [0, 0, 0]


def test_a_rule_that_tells_nothing_refuses_as_much_of_others_as_of_digits():
    same = all_rules(torch.arange(2000))
    row = measure_refusal.compare(same, same, same, ["a", "b"] * 1000)["margin"]
    assert row["area"] == pytest.approx(0.5, abs=0.01)
    assert row["refused"] == pytest.approx(COSTS, abs=0.001)
    assert row["refused_drawn"] == pytest.approx(measure_refusal.COST, abs=0.001)


def test_a_gain_is_counted_in_families():
    held = all_rules(range(1000))
    others = all_rules([500, 500, 500, 500])
    others["energy"] = torch.tensor([0.0, 0, 0, 500])
    found = measure_refusal.compare(held, held, others, ["a", "a", "b", "b"])
    assert found["energy"]["refused_by_family"] == {"a": 1, "b": 0.5}
    middle, low, high = found["energy"]["gain"]
    assert middle == 0.75 and high - middle == pytest.approx(middle - low) == pytest.approx(2.11 * 0.25)


def test_the_area_counts_pairs():
    digits, others = torch.tensor([3.0, 1.0]), torch.tensor([2.0, 0.0, 5.0])
    assert measure_refusal.area(digits, others) == pytest.approx(3 / 6)


def test_others_are_of_the_test_families_only_and_those_without_an_image_are_counted(monkeypatch):
    import others

    families = {"greek": "test", "boxes": "train", "waves": "test"}
    monkeypatch.setattr(others, "FAMILIES", families)
    images, names, unprepared = measure_refusal.draw_others(range(2))
    assert names == ["greek", "greek", "waves", "waves"] and images.shape == (4, 1, 28, 28) and unprepared == 0

    calls, real = [], handwriting.prepare

    def prepare(picture):
        calls.append(picture)
        if len(calls) == 2:
            raise ValueError("there is no ink")
        return real(picture)

    monkeypatch.setattr(handwriting, "prepare", prepare)
    images, names, unprepared = measure_refusal.draw_others(range(2))
    assert names == ["greek", "waves", "waves"] and len(images) == 3 and unprepared == 1


def test_drawn_digits_are_all_ways_in_turn():
    images, labels = measure_refusal.draw_digits(60)
    assert images.shape == (60, 1, 28, 28) and labels.unique().tolist() == list(range(10))
    again, _ = measure_refusal.draw_digits(2)
    assert torch.equal(images[:2], again)


def test_text_is_short_and_can_be_read_again():
    text = measure_refusal.as_text({"list": [0.123456789, 1, 2], "of": {"deep": [0.5]}, "n": 1234567})
    assert json.loads(text) == {"list": [0.12346, 1, 2], "of": {"deep": [0.5]}, "n": 1234567}
    assert '"list": [ 0.12346, 1, 2 ]' in text


def test_what_is_written_says_where_it_comes_from(tmp_path, monkeypatch):
    images = torch.zeros(4, 1, 28, 28)
    monkeypatch.setattr(measure_refusal, "use_lesson_python", lambda: None)
    monkeypatch.setattr(torch, "set_num_threads", lambda number: None)
    monkeypatch.setattr(measure_refusal, "draw_others", lambda seeds: (images, ["a", "a", "b", "b"], 3))
    monkeypatch.setattr(measure_refusal, "draw_digits", lambda number: (images, None))
    monkeypatch.setattr(measure_refusal, "scorer", lambda *parts: lambda images: all_rules(range(len(images))))
    monkeypatch.setattr(package, "STORED_DIR", tmp_path)
    assert measure_refusal.main() == 0
    stored = json.loads((tmp_path / "refusal.json").read_text(encoding="utf-8"))
    assert stored["date"] and stored["environment"]["PyTorch"] and stored["seeds"] == [1000, 1039]
    assert stored["others"] == 4 and stored["unprepared"] == 3 and stored["held_out"] == 5000
    assert list(stored["networks"]) == ["reference", "reader"] and list(stored["networks"]["reader"]) == RULES


# What is stored


@pytest.fixture(scope="module")
def stored():
    return json.loads((STORED_DIR / "refusal.json").read_text(encoding="utf-8"))


def test_the_stored_curves_are_curves_of_enough_others(stored):
    assert stored["others"] + stored["unprepared"] >= 500 and stored["held_out"] == 5000
    assert stored["costs"] == COSTS and len(COSTS) <= 30 and stored["rules"] == measure_refusal.RULES
    for network in ("reference", "reader"):
        for row in stored["networks"][network].values():
            assert len(row["refused"]) == len(COSTS) and row["refused"] == sorted(row["refused"])
            assert 0 <= row["refused"][0] and row["refused"][-1] <= 1 and 0 < row["area"] < 1


def test_the_reader_refuses_what_the_reference_takes_for_digits(stored):
    at = COSTS.index(stored["cost"])
    reference, reader = (stored["networks"][name]["probability"] for name in ("reference", "reader"))
    assert reference["refused"][at] < 0.25 and reader["refused"][at] > 0.75
    assert reader["refused_drawn"] <= 0.02


def test_no_rule_is_much_better_than_the_simplest(stored):
    at = COSTS.index(stored["cost"])
    for network in stored["networks"].values():
        best = max(row["refused"][at] for row in network.values())
        assert best - network["probability"]["refused"][at] < 0.07
        assert max(row["area"] for row in network.values()) - network["probability"]["area"] < 0.01


def test_the_stored_threshold_is_that_of_the_stored_network(stored, training):
    model, (*_, held) = load_run(READER_DIR).model, training
    with torch.no_grad():
        probability = torch.cat([model(images).softmax(1).amax(1) for images in held.split(500)])
    again = probability.double().quantile(measure_refusal.COST).item()
    assert again == pytest.approx(stored["networks"]["reader"]["probability"]["threshold"], abs=0.002), (
        "run python scripts/measure/measure_refusal.py"
    )


def test_others_drawn_anew_are_refused_about_as_often_as_is_stored(stored, training):
    images, labels, _ = training
    others, families, unprepared = measure_refusal.draw_others(range(1000, 1002))
    score = measure_refusal.scorer(load_run(READER_DIR).model, images, labels)(others)["probability"]
    row = stored["networks"]["reader"]["probability"]
    assert set(families) <= set(row["refused_by_family"]) and unprepared <= 2
    refused = (score < row["threshold"]).double().mean().item()
    assert refused == pytest.approx(row["refused"][COSTS.index(stored["cost"])], abs=0.15)
