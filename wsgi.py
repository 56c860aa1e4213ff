import os

from app import create_app
from kernel.settings import Settings
from kernel.web.warm import warm_beside

app = create_app(Settings.from_env(os.environ))
warm_beside(app)
