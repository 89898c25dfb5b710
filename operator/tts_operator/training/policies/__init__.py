"""The policies of a training, one file each, in the order of their precedence.

To add a policy, write a file with a class that extends ``Policy[TrainingSituation]`` and put an instance of it
where it belongs in ``POLICIES``. ``tts_operator.policy`` says what the order means.
"""

from tts_operator.policy import Policy
from tts_operator.shared_policies import Acceptance, ReportingAccess
from tts_operator.training.policies.children import Children
from tts_operator.training.policies.interruptions import InterruptionsInVain
from tts_operator.training.policies.job_failure import JobFailure
from tts_operator.training.policies.placement import Placement
from tts_operator.training.policies.result import Result
from tts_operator.training.policies.sources import SourceVoices
from tts_operator.training.policies.stall import Stall
from tts_operator.training.policies.start import Start
from tts_operator.training.policies.steps import Steps
from tts_operator.training.policies.suspension import Suspension
from tts_operator.training.situation import TrainingSituation

POLICIES: tuple[Policy[TrainingSituation], ...] = (
    Acceptance(),
    # Final while a voice is missing: nothing is made before it is there.
    SourceVoices(),
    ReportingAccess(),
    Children(),
    # Final once the training is given up or complete.
    InterruptionsInVain(),
    JobFailure(),
    Result(),
    # Progressing has the reason of the first of these that has one.
    Suspension(),
    Placement(),
    Start(),
    Stall(),
    Steps(),
)
"""The policies in the order of their precedence."""
