"""The policies of a service, one file each, in the order of their precedence.

To add a policy, write a file with a class that extends ``Policy[Situation]`` and put an instance where it belongs in
``POLICIES``. What the order means is said in ``tts_operator.policy``.
"""

from tts_operator.policy import Policy
from tts_operator.serving.policies.availability import Availability
from tts_operator.serving.policies.front import FrontService
from tts_operator.serving.policies.model import Model
from tts_operator.serving.policies.rollout import Rollout
from tts_operator.serving.situation import Situation
from tts_operator.shared_policies import Acceptance, ReportingAccess

POLICIES: tuple[Policy[Situation], ...] = (
    Acceptance(),
    # Available and Progressing have its reason where there is no voice and no Deployment.
    Model(),
    ReportingAccess(),
    FrontService(),
    Rollout(),
    Availability(),
)
"""What is decided about a service, and in which order."""
