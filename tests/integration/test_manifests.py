"""Good and bad manifests against a real API server: it accepts the good and refuses each bad one in clear words."""

from __future__ import annotations

import copy
import json
import re
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import yaml

from devcluster.cluster import Cluster
from devcluster.processes import ClusterError

pytestmark = [pytest.mark.control_plane, pytest.mark.xdist_group("control-plane")]

ROOT = Path(__file__).parents[2]

TRAINING: dict[str, Any] = {
    "apiVersion": "ttsoperator.dev/v1alpha1",
    "kind": "TTSTraining",
    "metadata": {"name": "voice", "namespace": "default"},
    "spec": {
        "dataset": {"format": "ljspeech", "source": {"persistentVolumeClaim": {"claimName": "corpus"}}},
        "training": {"maxSteps": 100},
    },
}
TWO_MODELS: dict[str, Any] = copy.deepcopy(TRAINING) | {
    "spec": TRAINING["spec"] | {"model": {"vocoder": {"architecture": "vocos"}}}
}
"""A training whose vocoder is trained too."""
SERVICE: dict[str, Any] = {
    "apiVersion": "ttsoperator.dev/v1alpha1",
    "kind": "TTSService",
    "metadata": {"name": "voice", "namespace": "default"},
    "spec": {"model": {"fromTraining": {"name": "voice"}}},
}
DIGEST = "0" * 64


def with_(base: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return a copy of a manifest with one field set, or removed if ``value`` is ``...``."""
    manifest = copy.deepcopy(base)
    *parents, leaf = path.split(".")
    node = manifest
    for parent in parents:
        node = node.setdefault(parent, {})
    if value is ...:
        del node[leaf]
    else:
        node[leaf] = value
    return manifest


@pytest.fixture(scope="module")
def api(control_plane: Cluster) -> Cluster:
    """Return a cluster whose API server knows the custom kinds."""
    control_plane.kubectl(
        "apply", "--server-side", "-f", str(ROOT / "crds/ttstrainings.yaml"), "-f", str(ROOT / "crds/ttsservices.yaml")
    )
    control_plane.kubectl(
        "wait",
        "--for=condition=Established",
        "--timeout=30s",
        "crd/ttstrainings.ttsoperator.dev",
        "crd/ttsservices.ttsoperator.dev",
    )
    return control_plane


def create(api: Cluster, manifest: dict[str, Any]) -> dict[str, Any]:
    """Return what the API server would store, with defaults filled in. It keeps nothing."""
    stored: dict[str, Any] = json.loads(
        api.kubectl(
            "create", "--dry-run=server", "--validate=strict", "-o", "json", "-f", "-", input=json.dumps(manifest)
        )
    )
    return stored


GOOD = {
    "the least a training says": TRAINING,
    "the least a service says": SERVICE,
    "a whole image with a registry's port": with_(
        TRAINING, "spec.image", "registry.example.com:5000/speech/workload:0.1.0"
    ),
    "an image by digest": with_(TRAINING, "spec.image", f"example.com/workload@sha256:{DIGEST}"),
    "parameters of the architecture": with_(
        TRAINING, "spec.model.acoustic.parameters", {"hiddenSize": 64, "dropout": 0.05}
    ),
    "griffinlim without vocoder steps": with_(TRAINING, "spec.model.vocoder.architecture", "griffinlim"),
    "a whole voice trained further": with_(
        with_(TRAINING, "spec.model.acoustic.fromTraining", {"name": "base"}),
        "spec.model.vocoder.fromTraining",
        {"name": "base"},
    ),
    "another training's acoustic model as it is": with_(
        with_(TWO_MODELS, "spec.model.acoustic.fromTraining", {"name": "base"}),
        "spec.training",
        {"maxSteps": 0, "vocoderMaxSteps": 9},
    ),
    "another training's vocoder as it is": with_(
        with_(TRAINING, "spec.model.vocoder.fromTraining", {"name": "base"}),
        "spec.training",
        {"maxSteps": 9, "vocoderMaxSteps": 0},
    ),
    "another training's acoustic model with griffinlim": with_(
        with_(TRAINING, "spec.training.maxSteps", 0),
        "spec.model",
        {"acoustic": {"fromTraining": {"name": "base"}}, "vocoder": {"architecture": "griffinlim"}},
    ),
    # Of which architecture it is, only the pod learns.
    "parameters of another training's model": with_(
        TRAINING, "spec.model.vocoder", {"fromTraining": {"name": "base"}, "parameters": {"version": 1}}
    ),
    "cpu as a number": with_(TRAINING, "spec.resources.cpu", 2),
    "no GPU at all": with_(TRAINING, "spec.resources.gpusPerNode", 0),
    "a voice from a claim": with_(
        SERVICE, "spec.model", {"persistentVolumeClaim": {"claimName": "c", "path": "v/voice.pt", "sha256": DIGEST}}
    ),
    "a service with nothing to do": with_(SERVICE, "spec.replicas", 0),
}


@pytest.mark.parametrize("manifest", GOOD.values(), ids=GOOD.keys())
def test_good_manifest_is_let_in(api: Cluster, manifest: dict[str, Any]) -> None:
    assert create(api, manifest)["metadata"]["name"] == "voice"


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("no dataset", with_(TRAINING, "spec.dataset", ...), "spec.dataset: Required value"),
    ("no length", with_(TRAINING, "spec.training", {}), "training needs a length: set training.budget, such as 45m"),
    (
        "a budget and steps",
        with_(TRAINING, "spec.training", {"budget": "45m", "maxSteps": 10}),
        "training.budget goes without numbers of steps: leave training.maxSteps and training.vocoderMaxSteps out",
    ),
    (
        "a budget and steps of the vocoder",
        with_(TWO_MODELS, "spec.training", {"budget": "45m", "vocoderMaxSteps": 10}),
        "training.budget goes without numbers of steps",
    ),
    ("a budget of a second", with_(TRAINING, "spec.training", {"budget": "1s"}), "budget must be from 1m to 8760h"),
    ("a budget of years", with_(TRAINING, "spec.training", {"budget": "20000h"}), "budget must be from 1m to 8760h"),
    (
        "a budget in words",
        with_(TRAINING, "spec.training", {"budget": "45 minutes"}),
        "must be a time in whole hours, minutes and seconds, such as 45m or 1h30m",
    ),
    (
        "a budget for nothing",
        with_(
            with_(TRAINING, "spec.training", {"budget": "45m", "maxSteps": 0}),
            "spec.model",
            {"acoustic": {"fromTraining": {"name": "other"}}, "vocoder": {"architecture": "griffinlim"}},
        ),
        "training.budget has no model to train",
    ),
    (
        "steps below zero",
        with_(TRAINING, "spec.training.maxSteps", -1),
        "spec.training.maxSteps in body should be greater than or equal to 0",
    ),
    (
        "zero steps from nothing",
        with_(TWO_MODELS, "spec.training", {"maxSteps": 0, "vocoderMaxSteps": 9}),
        "training.maxSteps may be 0 only where model.acoustic.fromTraining names a training",
    ),
    (
        "zero steps of the vocoder from nothing",
        with_(TWO_MODELS, "spec.training.vocoderMaxSteps", 0),
        "the vocoder has no steps: set training.vocoderMaxSteps above 0, or name a training",
    ),
    (
        "as many steps of the vocoder as of the other model, which has none",
        with_(with_(TWO_MODELS, "spec.training.maxSteps", 0), "spec.model.acoustic.fromTraining", {"name": "base"}),
        "the vocoder has no steps: set training.vocoderMaxSteps above 0, or name a training",
    ),
    (
        "a training that starts from itself",
        with_(TRAINING, "spec.model.acoustic.fromTraining", {"name": "voice"}),
        "model.acoustic.fromTraining.name is this training itself: name another one",
    ),
    (
        "a vocoder that starts from itself",
        with_(TRAINING, "spec.model.vocoder.fromTraining", {"name": "voice"}),
        "model.vocoder.fromTraining.name is this training itself: name another one",
    ),
    (
        "griffinlim from another training",
        with_(TRAINING, "spec.model.vocoder", {"architecture": "griffinlim", "fromTraining": {"name": "base"}}),
        "griffinlim has no weights that another training could give: leave fromTraining out",
    ),
    (
        "a source without a name",
        with_(TRAINING, "spec.model.vocoder.fromTraining", {}),
        "spec.model.vocoder.fromTraining.name: Required value",
    ),
    (
        "an unknown format",
        with_(TRAINING, "spec.dataset.format", "vctk"),
        'Unsupported value: "vctk": supported values: "ljspeech", "manifest"',
    ),
    (
        "an unknown language",
        with_(TRAINING, "spec.dataset.language", "tlh"),
        'spec.dataset.language: Unsupported value: "tlh"',
    ),
    ("an unknown field", with_(TRAINING, "spec.training.batchsize", 3), 'unknown field "spec.training.batchsize"'),
    (
        "a path that climbs out",
        with_(TRAINING, "spec.dataset.source.persistentVolumeClaim.path", "../secrets"),
        "spec.dataset.source.persistentVolumeClaim.path",
    ),
    (
        "an absolute path",
        with_(TRAINING, "spec.dataset.source.persistentVolumeClaim.path", "/etc"),
        "spec.dataset.source.persistentVolumeClaim.path",
    ),
    ("an odd window", with_(TRAINING, "spec.dataset.audio.nFFT", 1023), "nFFT must be even"),
    (
        "a hop as long as the window",
        with_(TRAINING, "spec.dataset.audio", {"nFFT": 512, "hopLength": 512}),
        "hopLength must be at most half of nFFT",
    ),
    (
        "an image without a tag",
        with_(TRAINING, "spec.image", "example.com/workload"),
        "an image needs a tag or a digest",
    ),
    (
        "a port that looks like a tag",
        with_(TRAINING, "spec.image", "example.com:5000/workload"),
        "an image needs a tag or a digest",
    ),
    ("the tag latest", with_(TRAINING, "spec.image", "example.com/workload:latest"), "the tag latest is refused"),
    (
        "an unknown architecture",
        with_(TRAINING, "spec.model.acoustic.architecture", "vits"),
        'spec.model.acoustic.architecture: Unsupported value: "vits"',
    ),
    (
        "an unknown parameter",
        with_(TRAINING, "spec.model.acoustic.parameters", {"hidden": 64}),
        "fastspeech2 has no such parameter; it has: hiddenSize",
    ),
    (
        "a parameter out of bounds",
        with_(TRAINING, "spec.model.acoustic.parameters", {"hiddenSize": 8}),
        "fastspeech2's hiddenSize must be >= 32",
    ),
    ("half a layer", with_(TRAINING, "spec.model.acoustic.parameters", {"encoderLayers": 2.5}), "a whole number"),
    (
        "a word for a number",
        with_(TRAINING, "spec.model.acoustic.parameters", {"hiddenSize": "big"}),
        "spec.model.acoustic.parameters.hiddenSize",
    ),
    (
        "steps for the vocoder of a manifest that names none",
        with_(TRAINING, "spec.training.vocoderMaxSteps", 9),
        "world is not trained: leave training.vocoderMaxSteps out, or choose another vocoder in model.vocoder",
    ),
    (
        "steps for griffinlim",
        with_(with_(TRAINING, "spec.model.vocoder.architecture", "griffinlim"), "spec.training.vocoderMaxSteps", 9),
        "griffinlim is not trained: leave training.vocoderMaxSteps out",
    ),
    ("a quantity that is none", with_(TRAINING, "spec.resources.memory", "lots"), "spec.resources.memory"),
    ("a name too long", with_(TRAINING, "metadata.name", "v" * 41), "metadata.name must be at most 40 characters"),
    (
        "a name that begins with a digit",
        with_(TRAINING, "metadata.name", "8bit"),
        "small letters, digits and -, a letter first",
    ),
    ("a name with a dot", with_(SERVICE, "metadata.name", "my.voice"), "metadata.name must be at most 40 characters"),
    (
        "a label of ours",
        with_(TRAINING, "spec.template.labels", {"ttsoperator.dev/training": "x"}),
        "the prefix ttsoperator.dev/ belongs to the operator",
    ),
    (
        "two voices",
        with_(SERVICE, "spec.model.persistentVolumeClaim", {"claimName": "c", "path": "v.pt", "sha256": DIGEST}),
        "give exactly one of fromTraining and persistentVolumeClaim",
    ),
    ("no voice", with_(SERVICE, "spec.model", {}), "give exactly one of fromTraining and persistentVolumeClaim"),
    (
        "a voice without a digest",
        with_(SERVICE, "spec.model", {"persistentVolumeClaim": {"claimName": "c", "path": "v.pt"}}),
        "sha256: Required value",
    ),
    ("replicas below zero", with_(SERVICE, "spec.replicas", -1), "spec.replicas"),
]


@pytest.mark.parametrize(("manifest", "message"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_bad_manifest_is_refused_in_words(api: Cluster, manifest: dict[str, Any], message: str) -> None:
    with pytest.raises(ClusterError, match=re.escape(message)):
        create(api, manifest)


CLAIM = "spec.dataset.source.persistentVolumeClaim"
A_NAME = "must be the name of a Kubernetes object: small letters, digits, - and ., such as my-voice"
AN_AMOUNT = "must be an amount such as 2, 500m, 16G or 16Gi; GB and GiB are not units of Kubernetes"
VOICE = {"claimName": "c", "path": "v.pt", "sha256": DIGEST}
SLIPS: list[tuple[dict[str, Any], str, Any, str]] = [
    # Where the slip is, what is written there, and the end of the message: the field, the value, the remedy.
    (TRAINING, f"{CLAIM}.claimName", "My_Claim", f'claimName: Invalid value: "My_Claim": {A_NAME}'),
    (TRAINING, f"{CLAIM}.path", "/data", 'path: Invalid value: "/data": must be a path from the root of the volume'),
    (TRAINING, f"{CLAIM}.path", "a/../b", 'path: Invalid value: "a/../b": must be a path from the root of the volume'),
    (TRAINING, "spec.resources.memory", "16GB", f'spec.resources.memory: Invalid value: "16GB": {AN_AMOUNT}'),
    (TRAINING, "spec.resources.cpu", -1, f"spec.resources.cpu: Invalid value: -1: {AN_AMOUNT}"),
    (
        TRAINING,
        "spec.resources.gpuResource",
        "gpu",
        'gpuResource: Invalid value: "gpu": must be an extended resource with its domain, such as nvidia.com/gpu',
    ),
    (TRAINING, "spec.image", "x", 'spec.image: Invalid value: "x": an image needs a tag or a digest, as in registry'),
    (TRAINING, "spec.image", "x:latest", 'spec.image: Invalid value: "x:latest": the tag latest is refused, because'),
    (
        TRAINING,
        "metadata.name",
        "8bit",
        'The TTSTraining "8bit" is invalid: <nil>: Invalid value: metadata.name must be at most 40 characters',
    ),
    (
        TRAINING,
        "spec.template.env",
        [{"name": "A B", "value": "1"}],
        'spec.template.env[0].name: Invalid value: "A B": must be letters, digits and _, no digit first',
    ),
    (
        TRAINING,
        "spec.template.annotations",
        {"ttsoperator.dev/run": "1"},
        "spec.template.annotations: Invalid value: the prefix ttsoperator.dev/ belongs to the operator: choose another",
    ),
    (
        TRAINING,
        "spec.model.acoustic.parameters",
        {"hiddenSize": 8},
        "parameters: Invalid value: fastspeech2's hiddenSize must be >= 32 and <= 1024 and a whole number",
    ),
    (
        TRAINING,
        "spec.model.acoustic.parameters",
        {"hidden": 8},
        "fastspeech2 has no such parameter; it has: hiddenSize",
    ),
    (
        TRAINING,
        "spec.dataset.audio.nFFT",
        1023,
        "spec.dataset.audio.nFFT: Invalid value: 1023: nFFT must be even",
    ),
    (
        TRAINING,
        "spec.dataset.audio.hopLength",
        600,
        "spec.dataset.audio.hopLength: Invalid value: hopLength must be at most half of nFFT",
    ),
    (
        SERVICE,
        "spec.model",
        {"persistentVolumeClaim": VOICE | {"sha256": "ABC"}},
        'sha256: Invalid value: "ABC": must be 64 characters of 0-9 and a-f, as sha256sum prints them',
    ),
    (SERVICE, "spec.model", {"fromTraining": {"name": "X"}}, f'fromTraining.name: Invalid value: "X": {A_NAME}'),
    (SERVICE, "spec.apiKeys", {"secretName": "Keys!"}, f'secretName: Invalid value: "Keys!": {A_NAME}'),
]


@pytest.mark.parametrize(
    ("base", "path", "value", "words"), SLIPS, ids=[f"{path}={json.dumps(value)}" for _, path, value, _ in SLIPS]
)
def test_a_slip_is_refused_with_field_value_and_remedy(
    api: Cluster, base: dict[str, Any], path: str, value: Any, words: str
) -> None:
    with pytest.raises(ClusterError) as refusal:
        create(api, with_(base, path, value))
    assert words in str(refusal.value)


@pytest.mark.parametrize("plural", ["ttstrainings", "ttsservices"])
def test_no_user_is_shown_a_regular_expression(plural: str) -> None:
    assert "pattern:" not in (ROOT / f"crds/{plural}.yaml").read_text()


@pytest.mark.parametrize(
    ("path", "value", "refusal"),
    [
        ("spec.runPolicy.suspend", True, None),
        ("spec.runPolicy.backoffLimit", 7, None),
        ("spec.training.maxSteps", 101, "training cannot be changed"),
        ("spec.dataset.source.persistentVolumeClaim.claimName", "other", "dataset cannot be changed"),
        ("spec.model.acoustic.parameters", {"hiddenSize": 64}, "model cannot be changed"),
        ("spec.model.vocoder.fromTraining", {"name": "base"}, "model cannot be changed"),
        ("spec.resources.nodes", 2, "resources cannot be changed"),
        ("spec.storage.whenDeleted", "Delete", "storage cannot be changed"),
        ("spec.template.env", [{"name": "A", "value": "b"}], "template cannot be changed"),
        ("spec.image", "example.com/workload:2", "image cannot be changed"),
    ],
)
def test_a_training_is_immutable_but_for_its_run_policy(
    api: Cluster, path: str, value: Any, refusal: str | None
) -> None:
    base = with_(with_(TRAINING, "spec.runPolicy.suspend", True), "metadata.name", "immutable")
    api.kubectl("apply", "--server-side", "-f", "-", input=json.dumps(base))
    changed = json.dumps(with_(base, path, value))
    expected = nullcontext() if refusal is None else pytest.raises(ClusterError, match=refusal)
    with expected:
        api.kubectl("apply", "--server-side", "--dry-run=server", "-f", "-", input=changed)


def test_defaults_are_filled_in_at_every_depth(api: Cluster) -> None:
    spec = create(api, TRAINING)["spec"]
    assert spec["dataset"]["audio"] == {"sampleRate": 22050, "nFFT": 1024, "hopLength": 256, "nMels": 80}
    assert spec["model"]["vocoder"] == {"parameters": {}}
    assert spec["storage"]["persistentVolumeClaim"]["accessModes"] == ["ReadWriteOnce"]
    assert spec["runPolicy"]["backoffLimit"] == 3


def fields(schema: dict[str, Any], path: str) -> Any:
    for name, child in schema.get("properties", {}).items():
        yield f"{path}.{name}", child["description"]
        yield from fields(child, f"{path}.{name}")
        if "items" in child:
            yield from fields(child["items"], f"{path}.{name}")


@pytest.mark.parametrize("plural", ["ttstrainings", "ttsservices"])
def test_kubectl_explain_speaks_for_every_field(api: Cluster, plural: str) -> None:
    definition = yaml.safe_load((ROOT / f"crds/{plural}.yaml").read_text())
    schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    explained = " ".join(api.kubectl("explain", plural, "--recursive").split())
    for part in ("spec", "status"):
        for path, description in fields(schema[part], part):
            assert path.rsplit(".", 1)[-1] in explained
            assert description.strip(), path
    assert "Optimizer steps" in api.kubectl("explain", "ttst.spec.training.maxSteps")


def test_short_names_category_and_scale(api: Cluster) -> None:
    listed = api.kubectl("api-resources", "--api-group=ttsoperator.dev", "-o", "wide")
    assert "ttst" in listed
    assert "ttss" in listed
    assert [line.split()[-1] for line in listed.splitlines()[1:]] == ["tts", "tts"]
    api.kubectl("apply", "--server-side", "-f", "-", input=json.dumps(with_(SERVICE, "metadata.name", "scaled")))
    api.kubectl("scale", "ttss/scaled", "--replicas=3")
    assert api.kubectl("get", "ttss/scaled", "-o", "jsonpath={.spec.replicas}") == "3"
