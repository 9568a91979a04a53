"""Ctrl-C within a step that takes long: an attack of many steps is left, compiled code is at the second Ctrl-C."""

import signal
import subprocess
import sys

import numpy as np
import pytest

from cgrosim import Params
from cgrosim.images.attacks.gradient import Attack, perturb
from cgrosim.images.network.architectures import lenet, patch_network
from cgrosim.images.network.layers import initial_parameters
from cgrosim.images.network.network import Network
from cgrosim.images.network.patch_model import PatchNetwork
from cgrosim.interrupts import Interrupts
from cgrosim.model.threats import Model, attack

pytestmark = pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="needs POSIX signals")

MANY = 10**6
LONG = """
import functools, hashlib, signal, sys, threading
signal.signal(signal.SIGINT, signal.default_int_handler)
import cgrosim.interrupts as interrupts
interrupts._PATIENCE = 0.05
with interrupts.Endings():
    threading.Timer(0.2, functools.partial(print, "begun", flush=True)).start()  # from within what follows
    hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)  # minutes, without the lock of the interpreter, deaf to signals
"""


def of_the_theory():
    params = Params.from_paper(20, threat="l2_pgd", samples=2, attack_steps=MANY)
    model = Model(params, np.ones((params.neurons, 20)), np.ones(params.neurons))
    attack(model, np.ones((2, params.patches, 20)), np.array([1, -1]), np.random.default_rng(0))


@pytest.fixture
def loaded():
    """Kernels are there: what is to be left is the attack, and not the compiler."""
    model = Model(Params.from_paper(20, threat="fgsm", samples=2), np.ones((10, 20)), np.ones(10))
    attack(model, np.ones((2, 3, 20)), np.array([1, -1]), np.random.default_rng(0))
    model.margins(np.ones((2, 3, 20)), np.array([1, -1]))


def on_images(network):
    def done():
        images, labels = np.full((2, 8, 8, 1), 0.5, np.float32), np.array([0, 1])
        generator = np.random.default_rng(0)
        perturb(network(), images, labels, attack=Attack.pgd("linf", 0.1, MANY), generator=generator)

    return done


def compiled():
    made = lenet(1, (8, 8, 1), 10)
    return Network(made, initial_parameters(made, np.random.default_rng(0)))


def patches():
    made = patch_network((8, 8, 1), 4, 2, classes=2, exponent=3, initial_scale=0.1, readout="signed_sum")
    return PatchNetwork(made, np.ones((2, 16)), np.zeros((8, 8, 1)))


@pytest.mark.parametrize(
    "work",
    [of_the_theory, on_images(compiled), on_images(patches)],
    ids=["theory", "compiled network", "patch network"],
)
def test_an_attack_of_many_steps_is_left_at_a_wish_to_stop(work, loaded):
    with Interrupts() as interrupts:
        interrupts.asked = True
        work()
        raise AssertionError("it went on to its end")
    assert interrupts.left


def test_compiled_code_is_left_at_the_second_ctrl_c():
    with subprocess.Popen(
        [sys.executable, "-c", LONG], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout.readline() == "begun\n"
        child.send_signal(signal.SIGINT)
        said = [child.stderr.readline(), child.stderr.readline()]
        assert "stopping after the step at work; once more ends at once" in said[1]
        assert child.poll() is None
        child.send_signal(signal.SIGINT)
        _, rest = child.communicate(timeout=20.0)
    assert child.returncode == 130
    assert "what is in the files stays" in rest
    assert "Traceback" not in rest


WRITING = """
import os, signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)
import cgrosim.interrupts as interrupts
interrupts._PATIENCE = 0.05
with interrupts.Endings():
    try:
        with interrupts.deferred():
            for _ in range(3):
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.2)
            print("whole")
    except KeyboardInterrupt:
        print("left")
"""


def test_a_file_is_whole_before_a_program_ends():
    """Signals wait while a file is written, which is no reason to think that the program is deaf to them."""
    done = subprocess.run([sys.executable, "-c", WRITING], capture_output=True, text=True, timeout=30.0)
    assert (done.returncode, done.stdout, done.stderr) == (0, "whole\nleft\n", "")


def test_a_program_that_answers_is_not_ended():
    """Two signals that Python's handler is called for, further apart than the patience."""
    quick = LONG.replace('hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)', "pressed()")
    code = f"""
import time, os
def pressed():
    for _ in range(2):
        try:
            os.kill(os.getpid(), 2)
            time.sleep(1.0)
        except KeyboardInterrupt:
            time.sleep(0.2)
    print("alive")
{quick}
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30.0)
    assert (done.returncode, done.stderr) == (0, "")
    assert "alive" in done.stdout
