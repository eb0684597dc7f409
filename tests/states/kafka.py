"""A Kafka of our own, and all that can happen to one: for what would harm everybody else's."""

import re
import resource
import shutil
import signal
import subprocess
from pathlib import Path

import psutil  # type: ignore[import-untyped]
from confluent_kafka.admin import AdminClient

from deploy.local.guard import Guard
from deploy.local.kafka import LocalKafka
from deploy.local.ports import LOOPBACK, free_ports
from schemas.partitions import partition_of
from tests.harness import PARTITIONS
from tests.waiting import eventually

SECONDS = 60.0
NO_ROOM = 1
"""The size in bytes to which files may grow where the disk is full."""


class Kafka:
    """One broker whose logs lie on two disks, and its metadata on a third."""

    def __init__(self, folder: Path, class_path: str, guard: Guard) -> None:
        self._kafka = LocalKafka(folder, class_path, guard)
        self._data = folder / "data"
        self._settings = folder / "server.properties"
        self._formatted = folder / "formatted"
        self._disks = [self._data / "first", self._data / "second"]
        self._kept = ""
        self.address = self._kafka.address

    def start(self) -> None:
        """Format it and start it."""
        self._kafka.prepare()
        made = self._data / "meta.properties"
        eventually(made.exists, SECONDS)
        for disk in self._disks:
            disk.mkdir()
            lines = made.read_text().splitlines()
            own = [line for line in lines if not line.startswith("directory.id=")]
            (disk / made.name).write_text("\n".join(own))
        more = {
            "metadata.log.dir": self._data,
            "log.dirs": ",".join(map(str, self._disks)),
            # Disks take turns, so this one partition is not on both.
            "offsets.topic.num.partitions": 1,
            # How soon a broker notices that a disk is gone on which nothing is written.
            "replica.high.watermark.checkpoint.interval.ms": 200,
        }
        with self._settings.open("a") as settings:
            settings.writelines(f"{name}={value}\n" for name, value in more.items())
        self._kept = self._settings.read_text()
        self._kafka.launch()
        self._kafka.until_ready()

    def stop(self) -> None:
        """Stop it in order."""
        self._kafka.stop()

    def restart(self) -> None:
        """Start it again as it was first, after whatever happened to it."""
        self._kafka.kill()  # without the other controllers it would be long in ending
        self._settings.write_text(self._kept)
        self._kafka.restart()

    def copy(self, name: str) -> None:
        """Copy the disks of the running broker in one moment, as a snapshot of them does."""
        process = psutil.Process(self._kafka.pid)
        process.send_signal(signal.SIGSTOP)
        try:
            # Kafka's index files are large, and almost all of them is holes.
            command: list[str | Path] = [
                "cp",
                "-a",
                "--sparse=always",
                self._data,
                self._data.with_name(name),
            ]
            subprocess.run(command, check=True)
        finally:
            process.send_signal(signal.SIGCONT)

    def swap(self, name: str, kept: str) -> None:
        """Restore the copy of that name; what was there until now is kept as another."""
        self._kafka.stop()
        self._data.rename(self._data.with_name(kept))
        self._data.with_name(name).rename(self._data)
        self.restart()

    def wipe(self, kept: str) -> None:
        """Make a new cluster at the same address; what was there until now is kept."""
        self._kafka.stop()
        self._data.rename(self._data.with_name(kept))
        self._formatted.unlink()
        self._kafka.start()

    def fill_disk(self) -> None:
        """No file can grow any more, until the broker is started again."""
        _, hard = resource.prlimit(self._kafka.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self._kafka.pid, resource.RLIMIT_FSIZE, (NO_ROOM, hard))

    def has_ended(self) -> bool:
        """Whether the broker's process is gone."""
        return not psutil.pid_exists(self._kafka.pid) or _is_zombie(self._kafka.pid)

    def lose_controllers(self) -> None:
        """Start it again as one of three controllers, alone: it cannot elect a leader of them."""
        self._kafka.stop()
        (voter,) = re.findall(r"controller\.quorum\.voters=(.*)", self._kept)
        others = [f"{n}@{LOOPBACK}:{port}" for n, port in enumerate(free_ports(2), start=2)]
        voters = ",".join([voter, *others])
        self._settings.write_text(f"{self._kept}controller.quorum.voters={voters}\n")
        self._kafka.launch()

    def lose_disk(self) -> None:
        """Take away the disk that the groups' offsets are not on: its partitions have no leader."""
        (disk,) = (each for each in self._disks if not (each / "__consumer_offsets-0").exists())
        disk.rename(disk.with_name("lost"))
        eventually(self.leaderless, SECONDS)

    def find_disk(self) -> None:
        """Bring it back; the broker takes it when it starts again."""
        self._kafka.stop()
        (disk,) = (each for each in self._disks if not (each / "meta.properties").exists())
        shutil.rmtree(disk, ignore_errors=True)
        disk.with_name("lost").rename(disk)
        self.restart()

    def leaderless(self) -> set[tuple[str, int]]:
        """The partitions that have no leader."""
        with AdminClient({"bootstrap.servers": self.address}) as admin:
            topics = admin.list_topics(timeout=SECONDS).topics
        return {
            (name, partition.id)
            for name, topic in topics.items()
            for partition in topic.partitions.values()
            if partition.leader < 0
        }


def tenant_on(partitions: set[int]) -> str:
    """The id of a tenant that lives on one of these partitions."""
    return next(
        name for n in range(1_000) if partition_of(name := f"t{n}", PARTITIONS) in partitions
    )


def _is_zombie(pid: int) -> bool:
    return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
