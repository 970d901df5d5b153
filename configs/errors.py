"""Every error of the product, one class per cause.

They live at the bottom of the import order so that every layer can raise them. The message is for a person
and says what happened, where, and what to do; the values that matter are attributes, so that no code has to
read the message. ``exit_code`` is what the command line ends with.
"""

from __future__ import annotations

from configs.words import did_you_mean, few


class TechtradeError(Exception):
    """Base of all errors that are meant for a person."""

    exit_code = 1


class UsageError(TechtradeError):
    """The command or its arguments make no sense; nothing was tried."""

    exit_code = 2


class UnknownDatasetError(UsageError):
    """No contract of that name."""

    def __init__(self, name: str, known: list[str]) -> None:
        self.name, self.known = name, known
        super().__init__(f"no dataset {name!r}{did_you_mean(name, known)}; there are: {', '.join(known)}")


class NotBundledError(UsageError):
    """The bundled figures were asked for, and there are none of this dataset. ``message``:
    ``configs.first_publish``."""

    def __init__(self, dataset: str, message: str) -> None:
        self.dataset = dataset
        super().__init__(message)


class ConfigError(TechtradeError):
    """A file in ``configs/`` or a setting is wrong."""


class NoAddressError(ConfigError):
    """A source whose addresses have to be named in settings, and none is."""

    def __init__(self, source: str) -> None:
        self.source = source
        super().__init__(
            f"{source} has no address: name its documents in TECHTRADE_SOURCES__{source.upper()}__DOCUMENTS "
            f"(configs/sources/{source}.yaml says how), or publish what is bundled first, to which new ones are added"
        )


class BreakingChangeError(TechtradeError):
    """The contract breaks readers of what is published, and does not say so to them."""

    def __init__(self, dataset: str, published: str, changes: list[str], step: str) -> None:
        self.dataset, self.published, self.changes, self.step = dataset, published, changes, step
        super().__init__(
            f"{dataset}: the contract breaks readers of {published}: {'; '.join(changes)}; nothing was staged. Take it "
            f"back, or set schema_version: {step}.0.0 in configs/datasets/{dataset}.yaml and say under breaking_notes, "
            f'"{step}", what readers have to change'
        )


# ---------------------------------------------------------------- publishers


class SourceError(TechtradeError):
    """A publisher's answer could not be used. ``raw_keys`` names what was archived of it."""

    def __init__(self, source: str, message: str, *, raw_keys: tuple[str, ...] = ()) -> None:
        self.source, self.raw_keys = source, raw_keys
        kept = f" (kept as {few(raw_keys)})" if raw_keys else ""
        super().__init__(f"{source}: {message}{kept}")


class SourceUnavailableError(SourceError):
    """The publisher could not be reached, or answered with a passing error at every attempt. ``slow``: it timed out
    or failed inside, so that asking for less at a time may help."""

    def __init__(self, source: str, message: str, *, raw_keys: tuple[str, ...] = (), slow: bool = False) -> None:
        self.slow = slow
        super().__init__(source, message, raw_keys=raw_keys)


class BlockedError(SourceUnavailableError):
    """A filter in front of the publisher shuts this client or its network out, whatever is asked for."""


class SourceResponseError(SourceError):
    """The publisher answered, but not with data: an error message, HTML, XML, a redirect, nothing."""


class SourceLayoutError(SourceError):
    """The data came, but not in the form the contract with the publisher says: columns, rows, codes."""


class IncompleteResponseError(SourceError):
    """Part of the data is missing: a page, a tail, a series."""


class InconsistentVintageError(SourceError):
    """Two answers of one extraction belong to different vintages: an update landed in between."""


class VintageUnavailableError(SourceError):
    """The vintage asked for is not the one the source can give."""


class VintageRegressedError(SourceError):
    """A live source now gives an older vintage than the one already published."""


class PassingAnswerError(SourceError):
    """An answer that says "not now": a busy message, a body cut short. Asked again like a 503."""


class CredentialError(SourceError):
    """The publisher does not accept the key. Asking again would only count against it."""


class MissingKeyError(TechtradeError):
    """A source needs a key and none is set."""

    def __init__(self, source: str, variable: str, block: str, signup: str) -> None:
        self.source, self.variable, self.block, self.signup = source, variable, block, signup
        super().__init__(
            f"{source} needs a key: set {variable}, or the Secret block {block!r} in Prefect; get a free one at "
            f"{signup}"
        )


class KeyStoreError(TechtradeError):
    """Whatever keeps keys could not be asked for one."""

    def __init__(self, variable: str, block: str, why: str) -> None:
        self.variable, self.block = variable, block
        super().__init__(
            f"{variable} is not set, and the Prefect server could not be asked for the block {block!r} ({why}); set "
            "the variable, or see that the server at PREFECT_API_URL answers, then run again"
        )


class LockedOutError(SourceError):
    """The publisher shut this key or address out for a while. ``seconds``: for how long nothing may be asked."""

    def __init__(self, source: str, message: str, seconds: float, *, raw_keys: tuple[str, ...] = ()) -> None:
        self.seconds = seconds
        super().__init__(source, message, raw_keys=raw_keys)


# --------------------------------------------------------------------- store


class StoreError(TechtradeError):
    """Something is wrong with the object store or with what stands in it."""


class StoreAsAWholeError(StoreError):
    """What is wrong is no single object: nothing else in the store can be worked on either."""


class NoStoreError(StoreError):
    """There is no store at this address: a command that reads or watches has nothing to look at."""

    def __init__(self, url: str, why: str) -> None:
        self.url = url
        super().__init__(
            f"there is no store at {url}: {why}. Publish into it first, or name another with --store or TECHTRADE_STORE"
        )


class StoreUnavailableError(StoreError):
    """The store could not be reached, or failed for a reason of its own."""


class StorePermissionError(StoreError):
    """The identity in use may not do this."""


class NoBucketError(StoreAsAWholeError):
    """The bucket that the address of a store names does not exist."""

    def __init__(self, url: str, bucket: str) -> None:
        self.url, self.bucket = url, bucket
        super().__init__(f"{url}: there is no bucket {bucket!r}; create it, or mend the address of the store")


class ObjectNotFoundError(StoreError):
    """No object under that key."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f"no object {key!r} in the store")


class ObjectExistsError(StoreError):
    """A create-only write found an object under that key."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f"object {key!r} exists already; it is create-only")


class PreconditionFailedError(StoreError):
    """A compare-and-swap found another state than the one it was computed from."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f"object {key!r} was changed by somebody else meanwhile")


class NewerFormatError(StoreError):
    """A document of the store was written by newer code, in a format that this code does not read."""

    def __init__(self, key: str, number: float, newest: int) -> None:
        self.key, self.number, self.newest = key, number, newest
        super().__init__(
            f"{key}: written by a newer techtrade (format {number}; this code reads up to {newest}): upgrade techtrade"
        )


class ConditionsIgnoredError(StoreAsAWholeError):
    """The server of a store accepts conditional writes and does not act on their conditions."""

    def __init__(self, url: str, header: str) -> None:
        self.url, self.header = url, header
        super().__init__(
            f"{url}: the server ignores {header}, so that publishers would overwrite each other's versions; nothing "
            "was overwritten. Use a server that acts on conditional writes, such as AWS S3 or SeaweedFS 4; "
            "docs/s3-servers.md lists those that were tried"
        )


class ConcurrentPublishError(StoreError):
    """Another publisher of the dataset won; nothing of this candidate is visible to readers."""

    def __init__(self, dataset: str, version: str, detail: str = "") -> None:
        self.dataset, self.version = dataset, version
        super().__init__(
            f"{dataset}@{version}: another publisher moved latest first{f' ({detail})' if detail else ''}; "
            "this candidate was not published, run again to build it against the new state"
        )


class HeadMovedError(StoreError):
    """Somebody published meanwhile, and what was extracted takes over answers of the version that was there before."""

    def __init__(self, dataset: str, was: str | None, now: str | None) -> None:
        self.dataset = dataset
        super().__init__(
            f"{dataset}: {now or 'nothing'} is latest, and {was or 'nothing'} was when the publisher was asked; "
            "run it again"
        )


class ClaimLostError(StoreError):
    """The claimed version was sealed by somebody else, as gc does with a claim that looks abandoned."""

    def __init__(self, dataset: str, version: str) -> None:
        self.dataset, self.version = dataset, version
        super().__init__(
            f"{dataset}@{version}: the claim was given up (sealed by gc) before this run sealed it; run again"
        )


class WrongClockError(StoreError):
    """A clock is wrong: that of this machine, or that of the publisher who stamped the last event of a log."""


class RedateRefusedError(StoreError):
    """The stamps of a log cannot be corrected: none is of the future, or the true time of one is not known."""


class TimedOutError(TechtradeError):
    """A run was ended because it took longer than it may."""

    def __init__(self, dataset: str, how: str) -> None:
        self.dataset = dataset
        super().__init__(f"{dataset}: the run took too long and was ended: {how}. The next run needs no cleaning")


class CorruptVersionError(StoreError):
    """Bytes in the store are not the bytes that were sealed."""

    def __init__(self, dataset: str, version: str, problems: list[str]) -> None:
        self.dataset, self.version, self.problems = dataset, version, problems
        told = few(problems, separator="; ")
        super().__init__(f"{dataset}@{version}: {told}; do not use it, restore or yank it")


class DamagedRawError(CorruptVersionError):
    """Bytes in the raw archive are not those that their name says."""

    def __init__(self, key: str, why: str = "") -> None:
        self.dataset, self.version, self.problems = "_raw", key, ["the bytes are not those that were archived"]
        todo = why or (
            "Publish with --refresh all: it asks the publisher for the document again, and good bytes heal the archive"
        )
        StoreError.__init__(self, f"{key} is damaged: the bytes are not those that were archived. {todo}")


class NotPublishedError(StoreError):
    """A dataset without a published version, or a version that is not in the log of published ones."""

    exit_code = 1


class MissingInputError(NotPublishedError):
    """A dataset that is made from others cannot be made, because one of them is not published. ``why``: without what to
    do, for the log of a run that was about another dataset."""

    def __init__(self, why: str, todo: str) -> None:
        self.why = why
        super().__init__(f"{why}; {todo}")


class YankRefusedError(StoreError):
    """The yank would leave readers without a version, or names one that was never published."""


class PromoteRefusedError(StoreError):
    """The version is none that the gate rejected, or publishing it now would take readers back or mislead them."""


# ------------------------------------------------------------------- quality


class ReplayError(StoreError):
    """A version's figures cannot be made again from its raw inputs."""


class RestoreError(StoreError):
    """A lost version cannot be made again as it was."""


class CheckCouldNotRunError(TechtradeError):
    """An expectation raised instead of answering: a failed run, neither a pass nor a rejection."""

    def __init__(self, dataset: str, check: str, reason: str) -> None:
        self.dataset, self.check, self.reason = dataset, check, reason
        super().__init__(
            f"{dataset}: the check {check!r} could not run ({reason}); nothing was published. "
            "Mend the check and run again"
        )
