"""The GPU's side of the engine: plans, streams and buffers, all owned and used by one thread.

Not run on a GPU: written against the documentation of TensorRT and of CUDA.
"""

from __future__ import annotations

import contextlib
import logging
import weakref
from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inspector_app.core.errors import KeeperError
from inspector_app.core.manifest import ModelManifest
from inspector_app.core.protocols import Tensor
from inspector_app.engines.programs import change_probability
from inspector_app.engines.tensorrt.device import Cuda, DeviceBuffer
from inspector_app.engines.tensorrt.execution import LoadedPlan, Shape
from inspector_app.engines.tensorrt.library import PlanLibrary
from inspector_app.engines.tensorrt.messages import message_log
from inspector_app.engines.tensorrt.place import GoldenOnDevice, GoldenPlace, Share, shares_of
from inspector_app.engines.tensorrt.recorded import RecordedRuns
from inspector_app.engines.tensorrt.slots import Sent, Slot

_LOG = logging.getLogger(__name__)
SIZES = 3
"""How many sizes of image are held ready at a time."""
_FLOAT = np.dtype(np.float32)


@dataclass(frozen=True, eq=False)
class _Program:
    """All that runs images of one size. ``golden`` is None when the graph is run whole."""

    golden: LoadedPlan | None
    main: LoadedPlan
    place: GoldenPlace
    slots: tuple[Slot, Slot]
    note: str
    recorded: RecordedRuns


class DeviceSession:
    """Every method is called by the thread that made the session."""

    def __init__(self, trt: Any, cuda: Cuda, library: PlanLibrary, manifest: ModelManifest) -> None:
        """Take the device and make the streams.

        Raises:
            KeeperError: ``engine_failed``.
        """
        self._trt = trt
        self._cuda = cuda
        self._library = library
        self._manifest = manifest
        self._batches = library.batches
        self._most = library.batches.most
        self._log = message_log(trt)
        cuda.use()
        self._runtime = trt.Runtime(self._log)
        self._up, self._compute, self._down = (cuda.stream() for _ in range(3))
        self._programs: OrderedDict[tuple[int, int], _Program] = OrderedDict()
        self._owned: set[DeviceBuffer] = set()
        self._dropped: deque[DeviceBuffer] = deque()
        self.plain_note = ""
        """Why nothing is replayed from a recorded run; "" when runs of the usual size are."""

    def prepare(self, height: int, width: int) -> str:
        """Make ready for images of this size; returns why the golden is computed anew for each, or nothing.

        Raises:
            KeeperError: see ``PlanLibrary.get`` and ``LoadedPlan``.
        """
        return self._program(height, width).note

    def several(self, height: int, width: int) -> bool:
        """Whether the images of a run may have different goldens."""
        return self._program(height, width).place.several

    def encode(self, golden: Tensor, owner: int) -> GoldenOnDevice:
        """Run the golden's part on ``golden`` (``1 x 3 x H x W``), or keep the golden itself.

        Raises:
            KeeperError: ``engine_failed``.
        """
        self._free_dropped()
        height, width = golden.shape[2:]
        return self._encode(self._ready(height, width), golden, owner)

    def _encode(self, program: _Program, golden: Tensor, owner: int) -> GoldenOnDevice:
        plan, name = program.golden, self._manifest.golden_input
        copies = 1 if plan is None else plan.fixed_shape(name)[0]
        image = self._upload_copies(program.slots[0], golden, copies)
        made = {name: image} if plan is None else self._run_golden(plan, name, image)
        buffers = {each: self._first_share(program.place.shares[each], made[each]) for each in made}
        self._cuda.wait(self._compute)
        for spare in {image, *made.values()} - {*buffers.values()}:
            self._free(spare)
        kept = GoldenOnDevice(owner, golden.shape[2:], buffers)
        # The last reference may fall in any thread; the memory is given back by this one.
        weakref.finalize(kept, self._dropped.extend, tuple(buffers.values())).atexit = False
        return kept

    def compare(self, goldens: Sequence[GoldenOnDevice], tests: Tensor) -> NDArray[np.float32]:
        """The probability of change, ``N x H x W``, for ``N x 3 x H x W`` and the golden of each.

        Raises:
            KeeperError: ``engine_failed``, ``engine_output``.
        """
        program = self._ready(*goldens[0].side)
        under_way: deque[Sent] = deque()
        results = []
        try:
            for number, part in enumerate(self._portions(program, goldens)):
                if len(under_way) == len(program.slots):
                    results.append(self._collect(program, under_way.popleft()))
                slot = program.slots[number % len(program.slots)]
                under_way.append(self._send(program, goldens[part], slot, tests[part]))
            results.extend(self._collect(program, sent) for sent in under_way)
        except KeeperError:
            program.place.forget()
            # What was sent may still be under way, in buffers that the next call would use.
            with contextlib.suppress(KeeperError):
                self._wait_all()
            raise
        return results[0] if len(results) == 1 else np.concatenate(results)

    def _portions(self, program: _Program, goldens: Sequence[GoldenOnDevice]) -> Iterator[slice]:
        """What is computed at a time: neighbours of one golden where a run can take but one."""
        several = program.place.several
        start = 0
        for _, group in groupby(goldens, key=lambda golden: None if several else id(golden)):
            end = start + len(list(group))
            size = self._manifest.batch or self._batches.chunk(end - start)
            yield from (slice(first, min(first + size, end)) for first in range(start, end, size))
            start = end

    def close(self) -> None:
        """Free everything; a device that was lost has nothing left to free."""
        with contextlib.suppress(KeeperError):
            self._wait_all()
        for program in self._programs.values():
            self._free_slots(program)
        self._programs.clear()
        for buffer in tuple(self._owned):
            with contextlib.suppress(KeeperError):
                self._free(buffer)
        for stream in (self._up, self._compute, self._down):
            with contextlib.suppress(KeeperError):
                self._cuda.destroy_stream(stream)
        self._runtime = None

    def _ready(self, height: int, width: int) -> _Program:
        """The program for a size that comes in the middle of work: without one, this engine has failed."""
        try:
            return self._program(height, width)
        except KeeperError as error:
            if error.code == "engine_failed":
                raise
            raise KeeperError("engine_failed", f"No plan for {height} x {width}: {error.message}") from error

    def _program(self, height: int, width: int) -> _Program:
        if self._runtime is None:
            raise KeeperError("engine_failed", "The engine was closed.")
        side = (height, width)
        if side not in self._programs:
            self._check_side(side)
            while len(self._programs) >= SIZES:
                self._free_slots(self._programs.popitem(last=False)[1])
            self._programs[side] = self._load(height, width)
        self._programs.move_to_end(side)
        return self._programs[side]

    def _check_side(self, side: tuple[int, int]) -> None:
        spec = self._manifest.input
        if not spec.dynamic and side != (spec.height, spec.width):
            raise ValueError(f"the network takes {spec.height} x {spec.width} pixels only, not {side}")

    def _load(self, height: int, width: int) -> _Program:
        try:
            return self._load_once(height, width)
        except KeeperError as error:
            if error.code != "plan_refused":
                raise
        self._library.discard(height, width)
        return self._load_once(height, width)

    def _load_once(self, height: int, width: int) -> _Program:
        plans = self._library.get(height, width)
        golden = self._plan(plans.golden) if plans.golden is not None else None
        main = self._plan(plans.main)
        place = self._place(golden, main, (height, width))
        shapes = self._shapes(place, (self._most, 3, height, width))
        slots = (self._slot(0, main, shapes), self._slot(1, main, shapes))
        # A dynamic batch is mostly one image, from a station; the sizes of larger ones differ.
        recorded = RecordedRuns(self._cuda, self._compute, self._manifest.batch or 1)
        program = _Program(golden, main, place, slots, plans.note, recorded)
        self._record(program, height, width)
        return program

    def _place(self, golden: LoadedPlan | None, main: LoadedPlan, side: tuple[int, int]) -> GoldenPlace:
        if golden is None:
            name, image = self._manifest.golden_input, (1, 3, *side)
            shares = {name: Share(image, main.size(name, image))}
        else:
            shares = shares_of(golden, self._manifest.batch or 1)
        sizes = {name: share.size * (self._most if share.each else 1) for name, share in shares.items()}
        buffers = {name: self._allocate(size) for name, size in sizes.items()}
        return GoldenPlace(self._cuda, self._compute, shares, buffers)

    def _record(self, program: _Program, height: int, width: int) -> None:
        """Record the runs of usual size, and prove each before it may serve; else all runs stay plain."""
        self.plain_note = ""
        try:
            shapes = self._shapes(program.place, (program.recorded.batch, 3, height, width))
            for slot in program.slots if self._manifest.batch else program.slots[:1]:
                another, addresses = program.main.another(), self._addresses(program, slot)
                program.recorded.record(slot.number, another, shapes, addresses)
            self._prove(program, height, width)
        except KeeperError as error:
            self.plain_note = error.message.rstrip(".")
            _LOG.warning("no recorded runs: %s", error.message)
            program.place.forget()
            self._drop_recorded(program)

    def _prove(self, program: _Program, height: int, width: int) -> None:
        """Replays must give, bit for bit, what plain runs give, for two goldens in turn.

        Raises:
            KeeperError: ``engine_failed`` when they do not.
        """
        rng = np.random.default_rng(2)
        shape = (program.recorded.batch, 3, height, width)
        # No image is both: a network that takes its two inputs alike would give the same for both goldens.
        images, others = rng.uniform(-1, 1, (2, 2, *shape)).astype(np.float32)
        goldens = [self._encode(program, other[:1], 0) for other in others]
        for slot in program.slots:
            if not program.recorded.serves(slot.number, shape[0]):
                continue
            for golden, tests in (*zip(goldens, images, strict=True), (goldens[0], images[0])):
                # The replay comes first: after a plain run a replay that does nothing would look right.
                sent = (
                    self._send(program, [golden] * len(tests), slot, tests, kind) for kind in (False, True)
                )
                replayed, plain = (self._raw(program, each).tobytes() for each in sent)
                if replayed != plain:
                    raise KeeperError("engine_failed", "A recorded run gives other results than a plain one.")

    def _drop_recorded(self, program: _Program) -> None:
        """A device that was lost has nothing left to free."""
        with contextlib.suppress(KeeperError):
            program.recorded.close()

    def _plan(self, data: bytes) -> LoadedPlan:
        return LoadedPlan.load(self._trt, self._runtime, self._log, data)

    def _slot(self, number: int, main: LoadedPlan, shapes: Mapping[str, Shape]) -> Slot:
        test, output = self._manifest.test_input, self._manifest.output
        tests = main.size(test, shapes[test])
        logits = main.size(output, main.output_shape(output, shapes))
        return Slot(
            number,
            self._cuda.allocate_host(tests),
            self._allocate(tests),
            self._allocate(logits),
            self._cuda.allocate_host(logits),
            *(self._cuda.event() for _ in range(3)),
        )

    def _shapes(self, place: GoldenPlace, tests: Shape) -> dict[str, Shape]:
        """Shapes of the inputs that follow the batch."""
        return {self._manifest.test_input: tests, **place.shapes(tests[0])}

    def _addresses(self, program: _Program, slot: Slot) -> dict[str, int]:
        manifest = self._manifest
        places = {manifest.test_input: slot.tests.address, manifest.output: slot.logits.address}
        return {**program.place.addresses, **places}

    def _upload_copies(self, slot: Slot, golden: Tensor, copies: int) -> DeviceBuffer:
        staged = slot.host_tests.array(_FLOAT, golden.shape)
        staged[:] = golden
        image = self._allocate(staged.nbytes * copies)
        self._cuda.upload(image, slot.host_tests, staged.nbytes, self._compute)
        self._cuda.repeat(image, staged.nbytes, copies, self._compute)
        return image

    def _run_golden(self, plan: LoadedPlan, name: str, image: DeviceBuffer) -> dict[str, DeviceBuffer]:
        sizes = {output: plan.size(output, plan.fixed_shape(output)) for output in plan.outputs}
        buffers = {output: self._allocate(size) for output, size in sizes.items()}
        addresses = {output: buffer.address for output, buffer in buffers.items()}
        plan.enqueue({}, {name: image.address, **addresses}, self._compute)
        return buffers

    def _first_share(self, share: Share, made: DeviceBuffer) -> DeviceBuffer:
        """Of what a fixed batch of one golden's copies gave; ``made`` itself where it holds no more."""
        if made.size == share.size:
            return made
        first = self._allocate(share.size)
        self._cuda.copy(first, made, share.size, self._compute)
        return first

    def _send(
        self,
        program: _Program,
        goldens: Sequence[GoldenOnDevice],
        slot: Slot,
        tests: Tensor,
        plain: bool = False,
    ) -> Sent:
        """Put one batch on its way; ``plain`` replays no recorded run."""
        cuda, manifest, main = self._cuda, self._manifest, program.main
        batch = manifest.batch or len(tests)
        shape = (batch, *tests.shape[1:])
        staged = slot.host_tests.array(_FLOAT, shape)
        staged[: len(tests)] = tests
        # A graph with a fixed batch is fed full; the surplus is cropped when the result is read.
        staged[len(tests) :] = tests[-1]
        program.place.lay([*goldens, *[goldens[-1]] * (batch - len(tests))])
        cuda.upload(slot.tests, slot.host_tests, staged.nbytes, self._up)
        cuda.record(slot.uploaded, self._up)
        cuda.hold(self._compute, slot.uploaded)
        shapes = self._shapes(program.place, shape)
        if program.recorded.serves(slot.number, batch) and not plain:
            program.recorded.replay(slot.number)
        else:
            main.enqueue(shapes, self._addresses(program, slot), self._compute)
        cuda.record(slot.computed, self._compute)
        cuda.hold(self._down, slot.computed)
        given = main.output_shape(manifest.output, shapes)
        cuda.download(slot.host_logits, slot.logits, main.size(manifest.output, given), self._down)
        cuda.record(slot.done, self._down)
        return Sent(slot, given, len(tests))

    def _collect(self, program: _Program, sent: Sent) -> NDArray[np.float32]:
        """Wait for one batch; the result is the caller's own."""
        return change_probability(self._raw(program, sent))

    def _raw(self, program: _Program, sent: Sent) -> NDArray[Any]:
        """Wait for one batch; its logits, which the slot's next batch overwrites."""
        self._cuda.wait_event(sent.slot.done)
        kind = program.main.dtype(self._manifest.output)
        return sent.slot.host_logits.array(kind, sent.shape)[: sent.count]

    def _wait_all(self) -> None:
        for stream in (self._up, self._compute, self._down):
            self._cuda.wait(stream)

    def _allocate(self, size: int) -> DeviceBuffer:
        buffer = self._cuda.allocate(size)
        self._owned.add(buffer)
        return buffer

    def _free(self, buffer: DeviceBuffer) -> None:
        self._owned.discard(buffer)
        self._cuda.free(buffer)

    def _free_dropped(self) -> None:
        while self._dropped:
            buffer = self._dropped.popleft()
            if buffer in self._owned:
                self._free(buffer)

    def _free_slots(self, program: _Program) -> None:
        self._drop_recorded(program)
        for buffer in program.place.buffers.values():
            with contextlib.suppress(KeeperError):
                self._free(buffer)
        for slot in program.slots:
            with contextlib.suppress(KeeperError):
                self._free(slot.tests)
                self._free(slot.logits)
                self._cuda.free_host(slot.host_tests)
                self._cuda.free_host(slot.host_logits)
                for event in (slot.uploaded, slot.computed, slot.done):
                    self._cuda.destroy_event(event)
