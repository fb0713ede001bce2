"""Run once inside Sentry (`sentry exec`) after its database is there: the project, key and token that kit knows beforehand.

The chart's own hook makes the administrator. What `kit demo` needs besides is a project whose DSN key is known and a token
that may read events. Their values arrive as variables from a Secret, so nothing has to be read back. Safe to run again, also
with changed ones.
"""

import os

from sentry.models.apitoken import ApiToken
from sentry.models.organization import Organization
from sentry.models.project import Project
from sentry.models.projectkey import ProjectKey
from sentry.models.team import Team
from sentry.users.models.user import User

SCOPES = ["event:read", "project:read", "org:read"]
LABEL = "kit"

key, token, email = os.environ["KIT_DSN_KEY"], os.environ["KIT_API_TOKEN"], os.environ["KIT_ADMIN"]

organization = Organization.objects.get(slug="sentry")  # made by `sentry upgrade`, like project 1
project = Project.objects.get(id=1)
team = Team.objects.filter(organization_id=organization.id).first() or Team.objects.create(
    organization_id=organization.id, name="Sentry", slug="sentry"
)
project.add_team(team)

found = ProjectKey.objects.filter(project_id=project.id, label=LABEL).first()
if found is None:
    ProjectKey.objects.create(project_id=project.id, label=LABEL, public_key=key, secret_key=key)
elif found.public_key != key:
    found.update(public_key=key, secret_key=key)

user = User.objects.get(username=email)
ApiToken.objects.filter(user_id=user.id, name=LABEL).exclude(token=token).delete()
if not ApiToken.objects.filter(user_id=user.id, token=token).exists():
    ApiToken.objects.create(user_id=user.id, name=LABEL, token=token, refresh_token=None, expires_at=None, scope_list=SCOPES)
print(f"project {project.slug} of {organization.slug} takes events")
