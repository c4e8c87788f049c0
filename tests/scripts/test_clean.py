"""scripts/clean.py: what was made goes, what is the user's stays."""

import clean


def test_clean(tmp_path, monkeypatch):
    monkeypatch.setattr(clean, "ROOT", tmp_path)
    kept = [
        "runs/05_training/run.json",
        ".venv/pyvenv.cfg",
        ".venv/lib/__pycache__/a.pyc",
        "data/MNIST/raw/train-images-idx3-ubyte",
        "notebooks/a.ipynb",
    ]
    gone = [
        "executed/01_setup.ipynb",
        "build/bench.json",
        "notebooks/.ipynb_checkpoints/a.ipynb",
        "tests/__pycache__/a.pyc",
        "scripts/classroom/__pycache__/a.pyc",
    ]
    for name in kept + gone:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    clean.main()
    left = sorted(str(path.relative_to(tmp_path).as_posix()) for path in tmp_path.rglob("*") if path.is_file())
    assert left == sorted(kept)
