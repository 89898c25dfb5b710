"""The policies of a service, one file each, in the order of their precedence.

To add a policy, write a file with a class that extends ``Policy[ServiceSituation]`` and put an instance of it
where it belongs in ``POLICIES``. ``tts_operator.policy`` says what the order means.
"""

from tts_operator.policy import Policy
from tts_operator.serving.policies.availability import Availability
from tts_operator.serving.policies.front import FrontService
from tts_operator.serving.policies.model import ModelReadiness
from tts_operator.serving.policies.rollout import Rollout
from tts_operator.serving.situation import ServiceSituation
from tts_operator.shared_policies import Acceptance, ReportingAccess

POLICIES: tuple[Policy[ServiceSituation], ...] = (
    Acceptance(),
    # Available and Progressing have its reason where there is no voice and no Deployment.
    ModelReadiness(),
    ReportingAccess(),
    FrontService(),
    Rollout(),
    Availability(),
)
"""The policies in the order of their precedence."""
