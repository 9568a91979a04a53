"""Experiments on images give the same bits whoever does their jobs: in any order, other processes, a cluster."""

import os
import pickle
import signal

import pytest
from experiment_cases import CAPACITY as SMALL
from experiment_cases import EXPERIMENTS, same
from small_trainings import small_dataset

from cgrosim import UserError
from cgrosim.errors import ParameterError
from cgrosim.executors.executor import Here, Lost
from cgrosim.executors.pool import Pool
from cgrosim.images.experiments.accuracies import Accuracies
from cgrosim.images.experiments.job_table import statuses_of
from cgrosim.images.experiments.runner import run_experiment


class Sent(Here):
    """Works here, the last job first, on what another process would get and send back."""

    def __init__(self):
        self.names = []

    def map(self, function, jobs):
        """Every job of those there are now."""
        for job in reversed(list(jobs)):
            self.names.append(job.job.name)
            yield job, pickle.loads(pickle.dumps(function(pickle.loads(pickle.dumps(job)))))


@pytest.fixture(scope="module")
def expected():
    return run_experiment(SMALL, small_dataset())


@pytest.mark.slow
def test_order_and_sending_change_no_bit(expected, tmp_path):
    sent, told = Sent(), []
    found = run_experiment(
        SMALL, small_dataset(), tmp_path, progress=lambda what, share: told.append(share), executor=sent
    )
    assert same(found, expected)
    names = [job.name for job in SMALL.jobs() if not job.needs]
    assert sent.names[: len(names)] == names[::-1]  # trainings, which need nothing, come first
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert not list(tmp_path.glob(".*.npz"))
    assert same(run_experiment(SMALL, small_dataset()), expected)  # without a folder, too


def test_what_was_done_is_taken_up_and_what_is_given_up_is_said(expected, tmp_path):
    class Losing(Sent):
        def map(self, function, jobs):
            for job in jobs:
                if "adversarial" in job.job.name:
                    yield job, Lost("its worker ended")
                else:
                    yield from super().map(function, [job])

    found = run_experiment(SMALL, small_dataset(), tmp_path, executor=Losing())
    assert found.status == "failed"
    names = [job.name for job in SMALL.jobs()]
    assert list(found.results) == [name for name in names if "adversarial" not in name]  # nothing else stops
    assert sorted(found.messages) == [
        f"{name} has failed: its worker ended." for name in sorted(names) if name.endswith("adversarial-seed5")
    ]
    failed = {name for name, status in statuses_of(tmp_path).items() if status == "failed"}
    assert failed == {name for name in names if name.endswith("adversarial-seed5")}

    class Interrupted(Sent):
        def map(self, function, jobs):
            yield from super().map(function, list(jobs)[:1])
            raise KeyboardInterrupt

    found = run_experiment(SMALL, small_dataset(), tmp_path, executor=Interrupted())
    assert (found.status, len(found.results)) == ("interrupted", 1)
    assert same(run_experiment(SMALL, small_dataset(), tmp_path), expected)
    assert statuses_of(tmp_path) == dict.fromkeys(names, "finished")


def test_a_job_that_fails_stops_nothing_but_what_needs_it(tmp_path, monkeypatch):
    measure = Accuracies.measure

    def failing(self, data, given, tell):
        if self.name.startswith("lenet-x1-standard"):
            raise ParameterError("its attack is impossible.")
        return measure(self, data, given, tell)

    monkeypatch.setattr(Accuracies, "measure", failing)
    found = run_experiment(SMALL, small_dataset(), tmp_path)
    assert (found.status, len(found.results)) == ("failed", len(SMALL.jobs()) - 1)
    assert found.messages == ("lenet-x1-standard-seed5-accuracies has failed: its attack is impossible.",)


def test_a_second_program_in_a_folder_is_refused(tmp_path):
    class Nested(Sent):
        def map(self, function, jobs):
            with pytest.raises(UserError, match=r"is being written by another run"):
                run_experiment(SMALL, small_dataset(), tmp_path)
            return iter(())

    assert run_experiment(SMALL, small_dataset(), tmp_path, executor=Nested()).results == {}


def test_a_worker_with_other_versions_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr("cgrosim.images.experiments.job_plan.versions", lambda: {"numpy": "0.1"})
    with pytest.raises(
        UserError, match=r"the worker on .* has numpy .* where this program has 0\.1; make them the same"
    ):
        run_experiment(SMALL, small_dataset(), tmp_path, executor=Sent())


@pytest.fixture(scope="module")
def all_expected():
    return {name: run_experiment(each, small_dataset()) for name, each in EXPERIMENTS.items()}


@pytest.mark.slow  # processes are started
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_processes_give_the_same_bits(name, all_expected, tmp_path):
    found = run_experiment(EXPERIMENTS[name], small_dataset(), tmp_path, executor=Pool(2))
    assert same(found, all_expected[name])


@pytest.mark.slow  # a cluster is started
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_cluster_gives_the_same_bits_and_survives_a_killed_worker(all_expected, tmp_path):
    distributed = pytest.importorskip("distributed")
    from cgrosim.executors.cluster import Cluster

    shape = {"n_workers": 2, "threads_per_worker": 1, "protocol": "tcp://"}
    with distributed.LocalCluster(**shape, dashboard_address=None, silence_logs=50) as found:
        cluster, killed = Cluster(found.scheduler_address), []

        def tell(what, share):
            if len(killed) < len(left) and share < 1.0:
                killed.append(what)
                os.kill(next(iter(found.workers.values())).pid, signal.SIGKILL)  # its nanny starts another

        try:
            left = []
            for name, experiment in EXPERIMENTS.items():
                left.append(name)
                outcome = run_experiment(experiment, small_dataset(), tmp_path / name, progress=tell, executor=cluster)
                assert same(outcome, all_expected[name])
                assert len(killed) == len(left)
        finally:
            cluster.close()
