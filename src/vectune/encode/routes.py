"""Models that send queries and documents through different modules, which most of vectune can't: it reads token ids and
runs them without saying whose they are, so that every text would take the same way."""

from __future__ import annotations

from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense, Normalize, Router

from vectune.errors import ModelError

_KINDS = {"text", "image", "audio", "video", "message"}
"""What sentence-transformers calls kinds of input: a route of such a name is the same for both roles."""


def refuse_routes(model: SentenceTransformer, name: str) -> None:
    """Raise ModelError for a model that has routes of any kind."""
    if any(isinstance(module, Router) for module in model.modules()):
        raise ModelError(
            f"{name} already treats queries and documents by different modules.", "Adapt the model that it was made of."
        )


def refuse_role_routes(model: SentenceTransformer, name: str, *, adapted: bool) -> None:
    """Raise ModelError where queries take another way through the model than documents.

    With `adapted` a query adapter of vectune's is let pass: who uses the model applies the map itself.
    """
    routers = [module for module in model.modules() if isinstance(module, Router)]
    if any(_tells_roles(router) and not (adapted and is_query_adapter(router)) for router in routers):
        raise ModelError(
            f"{name} sends queries and documents through different modules.",
            "Name a model that has the same for both; it may have a prompt for each.",
        )


def is_query_adapter(router: Router) -> bool:
    """Whether these are the routes of an adapter: one map of queries, and documents as the base gives them."""
    routes = {name: [type(module) for module in route.children()] for name, route in router.sub_modules.items()}
    return routes == {"query": [Dense], "document": [Normalize]} and router.default_route == "document"


def _tells_roles(router: Router) -> bool:
    roles = {role for role, _ in router.route_mappings if role is not None}
    return bool(roles | set(router.sub_modules) - set(router.route_mappings.values()) - _KINDS)
