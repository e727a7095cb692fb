#!/usr/bin/env python3
"""A long line in user space: joins two TAP devices, which it makes, with a delay, loss and a rate.

Usage (as root): delay.py DEVICE DEVICE MS LOSS MBIT
MS is the delay each way, LOSS the share of packets that get lost each way, in percent, MBIT the rate each way; what waits for its
turn on the line is at most what the line carries in 100 ms, the rest is dropped. Says "ready", then runs until it is killed.
The devices may be moved to other namespaces meanwhile. Packets have the size that the devices' MTU allows: nothing is joined
or cut by a network card, so each one is lost or delayed by itself.
"""
import collections, errno, fcntl, os, random, select, struct, sys, time

TUNSETIFF, TAP_WITHOUT_HEADER = 0x400454CA, 0x1002
FRAME, BURST = 2048, 64


def tap(name):
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH", name.encode(), TAP_WITHOUT_HEADER))
    return device


class Way:
    """One direction: what was sent and has not arrived yet, by the time at which it will."""

    def __init__(self, source, to, delay, loss, rate):
        self.source, self.to, self.delay, self.loss, self.rate = source, to, delay, loss, rate
        self.line, self.free = collections.deque(), 0.0

    def take(self, now):
        for _ in range(BURST):
            try:
                frame = os.read(self.source, FRAME)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in (errno.EIO, errno.EBADFD):  # The device is down.
                    return
                raise
            if random.random() < self.loss:
                continue
            begins = max(now, self.free)
            if begins - now > 0.1:
                continue
            self.free = begins + len(frame) / self.rate
            self.line.append((self.free + self.delay, frame))

    def give(self, now):
        line = self.line
        while line and line[0][0] <= now:
            try:
                os.write(self.to, line.popleft()[1])
            except OSError:
                pass  # A full or absent device loses it, as a card does.


def main():
    one, other, ms, loss, mbit = sys.argv[1:]
    random.seed(1)
    a, b = tap(one), tap(other)
    line = float(ms) / 1e3, float(loss) / 100, float(mbit) * 125e3
    ways = Way(a, b, *line), Way(b, a, *line)
    poll = select.poll()
    poll.register(a, select.POLLIN)
    poll.register(b, select.POLLIN)
    print("ready", flush=True)
    while True:
        due = min((way.line[0][0] for way in ways if way.line), default=None)
        wait = 1000 if due is None else max(0, (due - time.monotonic()) * 1e3)
        poll.poll(wait)
        now = time.monotonic()
        for way in ways:
            way.take(now)
            way.give(now)


main()
