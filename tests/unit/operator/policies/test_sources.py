"""Models that start from other trainings: nothing is made before their voices are there."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.operator import builders as b
from tts_api.run import RUN_ANNOTATION, TrainingRun
from tts_operator.engine.actions import Create, Patch
from tts_operator.engine.objects import CLAIM, JOB
from tts_operator.training.policies.sources import SourceVoices

FROM = {"spec.model": {"acoustic": {"fromTraining": {"name": "one"}}, "vocoder": {"fromTraining": {"name": "two"}}}}
_ONE: Any = b.another("one")
COMPLETE_ALONE = (
    _ONE[0],
    b.merged(_ONE[1], {"status.conditions": [{"type": "Complete", "status": "True"}]}),
)
WHOLE = {"spec.model": {"acoustic": {"fromTraining": {"name": "one"}}, "vocoder": {"fromTraining": {"name": "one"}}}}


@pytest.mark.parametrize(
    ("changes", "children", "created"),
    [
        pytest.param(FROM, [], [], id="neither is there"),
        pytest.param(FROM, [b.another("one")], [], id="one is not there"),
        pytest.param(FROM, [b.another("one"), b.another("two", "")], [], id="one goes on"),
        pytest.param(FROM, [b.another("one"), b.another("two", "Failed")], [], id="one failed"),
        pytest.param(FROM, [b.another("one"), b.another("two", sha256="?")], [], id="one left nothing readable"),
        pytest.param(FROM, [b.another("one"), b.another("two")], [CLAIM, JOB], id="both are complete"),
        pytest.param(WHOLE, [COMPLETE_ALONE], [CLAIM, JOB], id="of a condition only type and status can be read"),
        pytest.param(WHOLE, [b.another("one")], [CLAIM, JOB], id="one gives both"),
        pytest.param(FROM, [b.CHILD_CLAIM, b.job()], [], id="gone when the Job was made"),
        pytest.param(FROM, [b.child(JOB, owner="another")], [], id="a Job that another controls"),
    ],
)
def test_no_job_before_the_voices_it_starts_from(changes: Any, children: Any, created: list[Any]) -> None:
    assert [action.kind for action in b.planned(b.seen(b.training(changes), *children)).actions] == created


def test_a_job_whose_sources_were_deleted_is_still_suspended() -> None:
    actions = b.planned(
        b.seen(b.training(FROM | {"spec.runPolicy": {"suspend": True}}), b.CHILD_CLAIM, b.job(suspend=False))
    ).actions
    assert [action.patch for action in actions if isinstance(action, Patch)] == [{"spec": {"suspend": True}}]


@pytest.mark.parametrize(
    ("changes", "claims", "mounts"),
    [
        (
            FROM,
            {"corpus": "data", "quick-train": "checkpoints", "one-train": "acoustic", "two-train": "vocoder"},
            {"sources/acoustic": "acoustic", "sources/vocoder": "vocoder"},
        ),
        (
            WHOLE,
            {"corpus": "data", "quick-train": "checkpoints", "one-train": "acoustic"},
            {"sources/acoustic": "acoustic", "sources/vocoder": "acoustic"},
        ),
        # On the claim that this training writes to: one volume, which a pod may mount several times.
        (
            WHOLE | {"spec.storage": {"persistentVolumeClaim": {"claimName": "one-train"}}},
            {"corpus": "data", "one-train": "checkpoints"},
            {"sources/acoustic": "checkpoints", "sources/vocoder": "checkpoints"},
        ),
    ],
    ids=["two-claims", "one-claim", "own-claim"],
)
def test_the_voices_it_starts_from_are_mounted_and_cannot_be_written(
    changes: Any, claims: dict[str, str], mounts: dict[str, str]
) -> None:
    observed = b.seen(b.training(changes), b.another("one"), b.another("two", sha256="cd" * 32))
    created = b.planned(observed).actions[-1]
    assert isinstance(created, Create)
    pod = created.body["spec"]["template"]["spec"]
    named = {v["persistentVolumeClaim"]["claimName"]: v["name"] for v in pod["volumes"] if "persistentVolumeClaim" in v}
    assert named == claims
    found = {m["mountPath"]: m for m in pod["containers"][0]["volumeMounts"]}
    for path, volume in mounts.items():
        mount = found[f"/workspace/{path}"]
        assert (mount["name"], mount["readOnly"]) == (volume, True)
    assert "readOnly" not in found["/workspace/checkpoints"]
    annotations = created.body["spec"]["template"]["metadata"]["annotations"]
    run = TrainingRun.model_validate_json(annotations[RUN_ANNOTATION])
    assert run.sources.acoustic is not None
    assert run.sources.vocoder is not None
    assert run.sources.acoustic.path == f"one-folder/voice-{b.SHA[:12]}.pt"
    assert run.sources.acoustic.sha256 == b.SHA
    assert run.sources.vocoder.sha256 == (b.SHA if changes is not FROM else "cd" * 32)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ([], "The TTSTraining base does not exist. Create it, or name another in spec.model."),
        ([b.another("base", "")], "The TTSTraining base is not complete yet; this goes on by itself once it is."),
        (
            [b.another("base", "Failed")],
            "The TTSTraining base failed and leaves no voice. Repeat the training,",
        ),
    ],
    ids=["missing", "goes-on", "failed"],
)
def test_what_a_model_starts_from_is_named_while_it_is_not_there(source: Any, words: str) -> None:
    observed = b.seen(b.training({"spec.model": {"vocoder": {"fromTraining": {"name": "base"}}}}), *source)
    assert b.conditions(observed)["Scheduled"]["message"].startswith(words)
    # The image is settled when the pods are made: until then a newer operator's default may be better.
    assert "image" not in b.concluded(observed)
    assert b.concluded(observed)["phase"] == "Pending"


@pytest.mark.parametrize(
    ("children", "suspend", "expected"),
    [
        pytest.param([], False, "Suspended!NotSuspended Scheduled!ModelMissing Progressing!ModelMissing", id="missing"),
        pytest.param(
            [b.another("one", "")],
            False,
            "Suspended!NotSuspended Scheduled!TrainingNotComplete Progressing!TrainingNotComplete",
            id="goes on",
        ),
        pytest.param(
            [b.another("one", "Failed")],
            False,
            "Suspended!NotSuspended Scheduled!TrainingFailed Progressing!TrainingFailed",
            id="failed",
        ),
        pytest.param([], True, "Suspended=Suspended Scheduled!ModelMissing Progressing!ModelMissing", id="suspended"),
        pytest.param([b.another("one")], False, "", id="complete"),
        pytest.param([b.job()], False, "", id="gone when the Job was made"),
    ],
)
def test_what_is_found(children: Any, suspend: bool, expected: str) -> None:
    body = b.training(WHOLE | {"spec.runPolicy": {"suspend": suspend}})
    observed = b.seen(body, *children)
    assert b.found(SourceVoices(), observed) == expected
    # Nothing else is decided while a voice is missing.
    assert any(finding.final for finding in SourceVoices().findings(b.situation(observed))) is bool(expected)
