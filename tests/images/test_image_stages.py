"""The three stages on images: the decomposition of the margin, the theory's own data, resuming, bad input."""

import json
import signal

import numpy as np
import pytest
import xarray
from planted_images import planted, settings_of

from cgrosim import Params, simulate
from cgrosim.errors import FileError, ParameterError
from cgrosim.files.netcdf import write_netcdf
from cgrosim.images.attacks.class_means import ClassMeanAttack
from cgrosim.images.attacks.gradient import Attack
from cgrosim.images.experiments import stage_records
from cgrosim.images.experiments import stage_training as image_stages
from cgrosim.images.experiments.stage_settings import StageSettings
from cgrosim.images.experiments.stage_training import record_steps, run_stages, stage_data
from cgrosim.images.network.patch_model import as_patches
from cgrosim.images.network.reference import ReferenceNetwork
from cgrosim.interrupts import stop_where_wanted
from cgrosim.model.sampling import draw_explicit

EPS = np.finfo(np.float64).eps
PGD = Attack.pgd("linf", 0.1, 3)
SHORT = StageSettings(
    classes=(3, 8),
    class_names=("3", "8"),
    filters=6,
    samples=30,
    test_samples=40,
    steps=60,
    records=6,
    record_correlations=True,
)
THEORY = Params.from_paper(
    60,
    samples=6,
    patches=3,
    neurons=8,
    seed=3,
    engine="direct",
    sampling="explicit",
    steps=3000,
    records=8,
    learning_rate=0.1,
    init_polylog=0.5,
    test_samples=0,
    record=("noise_correlation",),
)


@pytest.fixture(scope="session")
def digits():
    from cgrosim.images.data.datasets import load_dataset

    return load_dataset("digits")


@pytest.fixture(scope="module")
def digits_run(digits):
    data = stage_data(SHORT, digits)
    return data, run_stages(SHORT, data)


def phi(z, exponent=3):
    return np.sign(z) * np.abs(z) ** exponent


def test_signal_and_memorised_part_add_up_to_the_margin_at_every_record(digits_run):
    """U = sum phi(s), R = sum phi(v) and V = sum phi(s + v) - phi(s), from the recorded filters in plain NumPy.

    A margin is a sum over filters and patches of cubes of inner products of d terms, so its rounding is at most
    about (3 d + m P) eps times the sum of the cubes of sum |w| |x|; a difference of a few of them, a few times that.
    """
    data, run = digits_run
    y = np.where(data.train_labels == 1, 1.0, -1.0)
    patches = as_patches(data.train_images, SHORT.patch) - data.means.common
    mu = data.means.parts[1]
    residual = patches - y[:, None, None] * mu
    terms = 3 * patches.shape[2] + SHORT.filters * patches.shape[1]
    for record in run.step.values:
        now = run.sel(step=record)
        w = now.weights.values
        s, v = mu @ w.T, y[:, None, None] * (residual @ w.T)
        size = (((np.abs(patches) + 2 * np.abs(mu)) @ np.abs(w).T) ** 3).sum(axis=(1, 2))
        bound = 8 * terms * EPS * size
        signal, memorised, alone = phi(s).sum(), (phi(s + v) - phi(s)).sum(axis=(1, 2)), phi(v).sum(axis=(1, 2))
        reference = ReferenceNetwork(
            SHORT.architecture((8, 8, 1)), {"layer0.weight": np.ascontiguousarray(w.T)[None, None]}
        )
        centred = data.train_images - reference_common(data)
        margin = y * np.diff(reference.logits(centred), axis=1)[:, 0]
        assert np.all(np.abs(now.signal_margin.values[:, None] - signal) <= bound)
        assert np.all(np.abs(now.memorization.values - memorised) <= bound)
        assert np.all(np.abs(now.residual_margin.values - alone) <= bound)
        assert np.all(np.abs(now.margin.values - margin) <= bound)
        assert np.all(np.abs(signal + memorised - margin) <= bound)
        assert np.allclose(now.noise_correlation.values, np.moveaxis(v, 2, 0), rtol=0, atol=1e-13)
        u = now.signal_correlation.values * data.means.lengths[1]
        assert np.allclose(u, s.T, rtol=0, atol=1e-13)
        assert np.array_equal(now.noise_correlation_max, now.noise_correlation.max(("filter", "patch")))
        assert np.allclose(now.filter_signal_max, s.max(axis=0), rtol=0, atol=1e-13)
        assert np.array_equal(now.filter_noise_max, now.noise_correlation.max(("sample", "patch")))


def reference_common(data):
    """The common part as an image."""
    rows = data.means.common.reshape(2, 2, 4, 4, 1)
    return rows.transpose(0, 2, 1, 3, 4).reshape(8, 8, 1)


def test_the_two_class_means_are_opposite_after_centring(digits):
    data = stage_data(SHORT, digits)
    plus, minus = data.means.parts[1], data.means.parts[0]
    assert np.abs(plus + minus).max() <= 4 * EPS  # pixels are at most 1, three roundings each
    kept = np.isin(digits.train_labels, SHORT.classes)
    assert np.count_nonzero(kept) > len(data.train_labels)  # the means are of more images than are trained on
    by_hand = digits.train_images[digits.train_labels == 8].astype(np.float64).mean(axis=0)
    assert np.allclose(as_patches(by_hand[None], 4)[0], data.means.common + plus, rtol=0, atol=1e-13)


@pytest.mark.parametrize("lam", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("threat", ["signal_span", "fixed_direction"])
def test_on_the_theorys_own_data_both_paths_are_the_same_run(lam, threat):
    """Same start, same data: u, v and V of the simulator of the theory, in which nothing is an image.

    Both paths round differently: at most about (d + m P) eps of every quantity in every step, which the dynamics then
    carry on. How much they magnify is measured: the simulator itself is run from a start moved by 1e-9.
    """
    params = THEORY.replace(adversarial_weight=lam, threat=threat, steps=1000)
    system = draw_explicit(params)
    theirs = simulate(params).data
    settings = settings_of(params, record_correlations=True)
    ours = run_stages(settings, planted(params, system), weights=system.weights)
    moved = run_stages(settings, planted(params, system), weights=system.weights * (1 + 1e-9))
    assert np.array_equal(ours.step, theirs.step)
    rounding = params.steps * (params.dimension + params.neurons * params.patches) * EPS
    for mine, other in (
        (lambda run: run.signal_correlation[..., 0], theirs.signal_correlation),
        (lambda run: run.noise_correlation[..., 1:], theirs.noise_correlation),
        (lambda run: run.memorization, theirs.memorization),
        (lambda run: run.residual_margin, theirs.memorization),
        (lambda run: run.signal_margin.mean("class"), theirs.signal_margin),
        (lambda run: run.attacked_signal_margin.mean("class"), theirs.attacked_signal_margin),
        (lambda run: run.clean_loss, theirs.clean_loss),
        (lambda run: run.adversarial_loss, theirs.adversarial_loss),
    ):
        magnified = np.abs(mine(moved).values - mine(ours).values).max() / 1e-9
        assert np.abs(mine(ours).values - other.values).max() <= rounding * max(magnified, np.abs(other.values).max())


def test_the_rules_find_the_stages_that_the_theory_proves():
    """Under attack all three; without, growth and stagnation only."""
    system = draw_explicit(THEORY)
    found = {}
    for lam in (0.0, 0.5):
        settings = settings_of(THEORY.replace(adversarial_weight=lam))
        run = run_stages(settings, planted(THEORY, system), weights=system.weights)
        found[lam] = [stage["seen"] for stage in json.loads(run.attrs["stages"])]
        grown, stalled = float(run.signal_growth_time), float(run.signal_stall_time)
        assert 0 < grown <= stalled
        if lam:
            assert stalled <= run.half_memorized_time <= run.memorization_time.max()
            assert run.robust_train_accuracy[-1] == 1.0
    assert found == {0.0: [True, True, False], 0.5: [True, True, True]}


@pytest.mark.parametrize("attack", [ClassMeanAttack(0.1), PGD], ids=["class-mean", "pgd"])
def test_a_run_goes_on_bit_identically_from_its_checkpoint(digits, tmp_path, monkeypatch, attack):
    settings = SHORT.replace(attack=attack)
    data = stage_data(settings, digits)
    whole = run_stages(settings, data)
    path = tmp_path / "stages.npz"

    class Killed(Exception):
        pass

    descended = image_stages.descended

    def killing(network, samples, means, chosen, step):
        if step == 37:
            raise Killed
        return descended(network, samples, means, chosen, step)

    monkeypatch.setattr(image_stages, "descended", killing)
    with pytest.raises(Killed):
        run_stages(settings, data, checkpoint=path, checkpoint_seconds=0.0)
    monkeypatch.setattr(image_stages, "descended", descended)
    resumed = run_stages(settings, data, checkpoint=path)
    xarray.testing.assert_identical(resumed.drop_attrs(), whole.drop_attrs())
    assert resumed.attrs["seconds"] > 0
    again = run_stages(settings, data, checkpoint=path)
    xarray.testing.assert_identical(again.drop_attrs(), whole.drop_attrs())


def test_a_checkpoint_of_another_run_is_refused(digits, tmp_path):
    path = tmp_path / "stages.npz"
    data = stage_data(SHORT, digits)
    run_stages(SHORT.replace(steps=2), data, checkpoint=path)
    with pytest.raises(FileError, match=r"written with other params"):
        run_stages(SHORT, data, checkpoint=path)
    with pytest.raises(FileError, match=r"written with other data and start"):
        run_stages(SHORT.replace(steps=2), stage_data(SHORT.replace(seed=1), digits), checkpoint=path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(FileError, match="is not a whole checkpoint"):
        run_stages(SHORT, data, checkpoint=path)


def test_a_divergence_is_told_and_its_records_kept(digits):
    run = run_stages(SHORT.replace(learning_rate=1e150), stage_data(SHORT, digits))
    assert run.attrs["status"] == "diverged"
    assert "smaller learning rate" in run.attrs["message"]
    assert run.sizes["step"] >= 1


def test_ten_classes_have_margins_of_their_own(digits):
    """Filters of a class, class-mean parts of every class, and both kinds of attack."""
    names = tuple(str(k) for k in range(10))
    settings = StageSettings(
        classes=tuple(range(10)),
        class_names=names,
        filters=20,
        samples=100,
        test_samples=50,
        steps=40,
        records=4,
        learning_rate=1.0,
        attack=ClassMeanAttack(0.1, search=False),
        evaluation_attack=PGD,
    )
    data = stage_data(settings, digits)
    run = run_stages(settings, data)
    assert run.signal_margin.dims == ("step", "class")
    assert list(run["class"].values) == list(names)
    last = run.isel(step=-1)
    assert last.clean_loss < run.clean_loss[0]
    parts, w = data.means.parts, last.weights.values
    u = np.einsum("rd,rjd->rj", w, parts[np.repeat(np.arange(10), 2)])
    lengths = last.signal_length.values[np.repeat(np.arange(10), 2)]
    assert np.allclose(last.signal_correlation * lengths, u, rtol=0, atol=1e-13)
    scores = phi(np.einsum("kjd,rd->kjr", parts, w)).sum(axis=1).reshape(10, 10, 2).sum(axis=2)
    own = np.diag(scores)
    others = np.where(np.eye(10, dtype=bool), -np.inf, scores).max(axis=1)
    assert np.allclose(last.signal_margin, own - others, rtol=1e-10, atol=1e-14)
    assert "linf PGD-3" in run.attrs["attack"]
    with pytest.raises(ParameterError, match="needs two classes and exponent 3"):
        settings.replace(attack=ClassMeanAttack(0.1))


def test_every_variable_says_what_it_is_and_the_file_is_whole(digits_run, tmp_path):
    _, run = digits_run
    assert set(run.data_vars) == {*stage_records.VARIABLES, *stage_records.STATIC, *stage_records.TIMES}
    for variable in run.data_vars.values():
        assert variable.attrs["long_name"]
        assert variable.attrs["units"] in ("1", "nat", "step")
    path = write_netcdf(tmp_path / "stages.nc", stage_records.STAGES, run)
    again = stage_records.load(path)
    xarray.testing.assert_identical(again, run)
    params = json.loads(again.attrs["params"])
    assert params == SHORT.dump()
    assert again.attrs["seed"] == SHORT.seed
    assert "exact" in again.attrs["attack"]
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(FileError, match="not a whole"):
        stage_records.load(path)
    with pytest.raises(FileError, match="does not exist"):
        stage_records.load(tmp_path / "none.nc")


def test_the_grid_of_records_is_that_of_the_simulator():
    from cgrosim.run.recorder import record_steps as theirs

    for steps in (1, 2, 7, 1000, 12345):
        for records in (1, 8, 40):
            params = THEORY.replace(records=records)
            assert np.array_equal(record_steps(records, steps), theirs(params, steps))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"classes": (3,)}, "at least two"),
        ({"classes": (3, 3)}, "at least two different"),
        ({"classes": (3, 8, 9)}, "class_names"),
        ({"filters": 0}, "filters is 0"),
        ({"samples": 1}, "samples is 1, but must be at least 2"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"adversarial_weight": 1.5}, "between 0 and 1"),
        ({"exponent": 2}, "needs two classes and exponent 3"),
        ({"steps": 0}, "steps is 0"),
    ],
)
def test_bad_settings_are_refused_in_one_sentence(changes, words):
    with pytest.raises(ParameterError, match=words):
        SHORT.replace(**changes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"classes": (3, 11)}, "the classes 0 to 9"),
        ({"patch": 3}, "does not divide"),
        ({"samples": 10**6}, "cannot be drawn"),
        ({"filters": 10**9}, "needs more memory than there is"),
        ({"records": 10**10}, "records is 10000000000, but must lie between 1 and 10000"),
        ({"filters": 10**5, "records": 10**4, "record_correlations": True}, "needs more memory than there is"),
    ],
)
def test_what_the_data_cannot_give_is_refused(digits, changes, words):
    with pytest.raises(ParameterError, match=words):
        stage_data(SHORT.replace(**changes), digits)


def test_an_interruption_keeps_what_was_recorded(digits, tmp_path, monkeypatch):
    class Asked:
        asked = True

        def __enter__(self):
            return self

        def __exit__(self, *exception):
            return None

    monkeypatch.setattr(image_stages, "Interrupts", Asked)
    path = tmp_path / "stages.npz"
    data = stage_data(SHORT, digits)
    run = run_stages(SHORT, data, checkpoint=path)
    assert run.attrs["status"] == "interrupted"
    assert list(run.step) == [0]
    monkeypatch.undo()
    whole = run_stages(SHORT, data)
    xarray.testing.assert_identical(run_stages(SHORT, data, checkpoint=path).drop_attrs(), whole.drop_attrs())


def test_an_interruption_before_the_first_record_is_one(digits, monkeypatch, pressable):
    def compiling(self, step, network):
        signal.raise_signal(signal.SIGINT)
        stop_where_wanted()  # as every kernel asks before it is loaded or compiled

    monkeypatch.setattr(image_stages.StageRecorder, "take", compiling)
    with pytest.raises(KeyboardInterrupt):
        run_stages(SHORT, stage_data(SHORT, digits))
