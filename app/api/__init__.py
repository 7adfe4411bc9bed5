"""The JSON API (`blueprint`, served below /api/v1) and the health checks (`health_blueprint`, below /healthz)."""

from app.api.health import blueprint as health_blueprint
from app.api.v1 import blueprint

__all__ = ["blueprint", "health_blueprint"]
