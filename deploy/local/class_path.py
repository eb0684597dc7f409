"""Apache Kafka's class path, as Maven resolves `deploy/kafka/pom.xml`."""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import deploy
from deploy.local.errors import StackError

OLDEST_JAVA = 17
"""Apache Kafka 4 brokers need at least this."""

MAVEN_SECONDS = 300.0
"""How long Maven may take to fetch the jars once: about 45 MB."""

_POM = Path(deploy.__file__).with_name("kafka") / "pom.xml"


class KafkaUnavailableError(StackError):
    """Apache Kafka cannot run on this machine; the sentence says what is missing."""


def kafka_class_path(on_progress: Callable[[str], None]) -> str:
    """Return the class path for `java -cp`, from the user's cache or from Maven.

    Raises:
        KafkaUnavailableError: no Java 17, no Maven, or Maven could not fetch the jars.
    """
    _require_java()
    cached = _cache_folder() / f"kafka-{hashlib.sha256(_POM.read_bytes()).hexdigest()[:16]}.cp"
    if cached.exists():
        class_path = cached.read_text()
        if all(Path(jar).exists() for jar in class_path.split(os.pathsep)):
            return class_path
    on_progress("Maven fetches Apache Kafka (about 45 MB, once) …")
    cached.parent.mkdir(parents=True, exist_ok=True)
    _resolve(cached)
    return cached.read_text()


def _cache_folder() -> Path:
    # The desktop's convention for caches (XDG), no setting of Rollcall's: hence not in schemas.
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rollcall"


def _require_java() -> None:
    java = shutil.which("java")
    if java is None:
        raise KafkaUnavailableError("there is no Java on PATH")
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', told)
    if version is None or int(version[1]) < OLDEST_JAVA:
        found = version[1] if version else "unknown"
        raise KafkaUnavailableError(f"Apache Kafka needs Java {OLDEST_JAVA}, PATH has {found}")


def _resolve(target: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise KafkaUnavailableError("there is no Maven (mvn) on PATH to fetch Apache Kafka with")
    fresh = target.with_suffix(f".{os.getpid()}")
    goal = ["dependency:build-classpath", f"-Dmdep.outputFile={fresh}"]
    argv = [maven, "-B", "-q", "-Dstyle.color=never", "-f", str(_POM), *goal]
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, check=False, timeout=MAVEN_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise KafkaUnavailableError(
            f"Maven did not fetch Apache Kafka within {MAVEN_SECONDS:.0f} s"
        ) from None
    if done.returncode != 0 or not fresh.exists():
        first = next(iter(done.stdout.splitlines()), "no reason given").removeprefix("[ERROR] ")
        raise KafkaUnavailableError(f"Maven could not fetch Apache Kafka ({first})")
    fresh.replace(target)
