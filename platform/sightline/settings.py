"""Every setting of Sightline, read from `SIGHTLINE_…` variables. Without any, it runs on one machine."""

import contextlib
import hashlib
import importlib.util
import os
import re
import secrets
import socket
import tempfile
from pathlib import Path

import dj_database_url

from sightline import env

BASE_DIR = Path(__file__).resolve().parents[2]
_CHECKOUT = (BASE_DIR / "manage.py").exists()

# --- where data lives -------------------------------------------------------------------------------------------
HOME = env.path(
    "SIGHTLINE_HOME", BASE_DIR / ".sightline" if _CHECKOUT else Path.home() / ".local/share/sightline"
)
HOME.mkdir(mode=0o700, parents=True, exist_ok=True)

# What this process is; `sightline` sets it for the processes that it starts. Web processes give up on a busy
# database or Redis quickly (a client waits), workers patiently (a finished job must be written).
ROLE = env.choice("SIGHTLINE_ROLE", "web", ("web", "worker", "sweeper", "tool"))
_PATIENT = ROLE != "web"


def _generated_secret() -> str:
    """A secret made once and kept in the data folder, so that one machine needs no configuration."""
    file = HOME / "secret-key"
    if not file.exists():
        # Whole before it has its name: of processes that start together, none may read half of it.
        with tempfile.NamedTemporaryFile("w", dir=HOME, prefix="secret-key-") as whole:  # with mode 0600
            whole.write(secrets.token_urlsafe(50))
            whole.flush()
            with contextlib.suppress(FileExistsError):
                os.link(whole.name, file)
    return file.read_text().strip()


SECRET_KEY = env.secret("SIGHTLINE_SECRET_KEY") or _generated_secret()
DEBUG = env.boolean("SIGHTLINE_DEBUG", False)
ALLOWED_HOSTS = list(env.words("SIGHTLINE_ALLOWED_HOSTS", ("localhost", "127.0.0.1", "[::1]")))
CSRF_TRUSTED_ORIGINS = list(env.words("SIGHTLINE_CSRF_TRUSTED_ORIGINS"))

# --- web --------------------------------------------------------------------------------------------------------
HOST = env.text("SIGHTLINE_HOST", "127.0.0.1")
PORT = env.integer("SIGHTLINE_PORT", 8000, least=0, most=65535)
# Where people find this platform, for links in mails and webhooks.
PUBLIC_URL = env.text("SIGHTLINE_PUBLIC_URL", f"http://{HOST}:{PORT}").rstrip("/")
FLOWER_PORT = env.integer("SIGHTLINE_FLOWER_PORT", 5555, least=0, most=65535)
# Where links to Flower lead: through the web, which asks for a staff session, unless another address is set.
FLOWER_URL = env.text("SIGHTLINE_FLOWER_URL", "/flower/")
# Where the web finds Flower.
_LOOPBACK = "127.0.0.1" if HOST in ("0.0.0.0", "::") else HOST  # noqa: S104 - compared, not bound
FLOWER_UPSTREAM = env.text(
    "SIGHTLINE_FLOWER_UPSTREAM",
    f"http://[{_LOOPBACK}]:{FLOWER_PORT}" if ":" in _LOOPBACK else f"http://{_LOOPBACK}:{FLOWER_PORT}",
)
FLOWER_USER = env.text("SIGHTLINE_FLOWER_USER", "operator")
FLOWER_PASSWORD = env.secret("SIGHTLINE_FLOWER_PASSWORD")
WEB_THREADS = env.integer("SIGHTLINE_WEB_THREADS", 8, least=1, most=256)
BEHIND_PROXY = env.boolean("SIGHTLINE_BEHIND_PROXY", False)
if BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    USE_X_FORWARDED_HOST = True

_DASHBOARD_SPEC = importlib.util.find_spec("sightline_dashboard.apps")
_DASHBOARD = _DASHBOARD_SPEC is not None
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "sightline.core.CoreConfig",
    "sightline.tenants",
    "sightline.media",
    "sightline.fleet",
    "sightline.webhooks",
    "sightline.near",
    "sightline.jobs",
    "sightline.batches",
    "sightline.responses",
    "sightline.sessions",
    "sightline.audit",
    "sightline.triage",
    "sightline.alerts",
]
# Workers and sweepers show no pages: without admin and API they start faster and take less memory.
if ROLE in ("web", "tool"):
    INSTALLED_APPS += [
        "unfold",
        "django.contrib.admin",
        "django.contrib.sessions",
        "django.contrib.messages",
        "whitenoise.runserver_nostatic",
        "django.contrib.staticfiles",
        "rest_framework",
        "drf_spectacular",
        "drf_spectacular_sidecar",
        # A package of its own that the platform does not know; it is shown where it is installed.
        *(["sightline_dashboard"] if _DASHBOARD else []),
    ]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "sightline.audit.services.remember_address",
    *(["sightline_dashboard.csp.content_security_policy"] if _DASHBOARD else []),
]
if _DASHBOARD:
    FORMAT_MODULE_PATH = ["sightline_dashboard.formats"]
    UNFOLD = {
        "SITE_TITLE": "Sightline",
        "SITE_HEADER": "Sightline",
        "SITE_SYMBOL": "center_focus_strong",
        "SITE_FAVICONS": [
            {"rel": "icon", "type": "image/svg+xml", "href": "sightline_dashboard.theme.favicon"}
        ],
        "SITE_URL": None,
        "SHOW_VIEW_ON_SITE": False,
        "DASHBOARD_CALLBACK": "sightline_dashboard.home.now.context",
        "STYLES": ["sightline_dashboard.theme.stylesheet"],
        "SCRIPTS": [
            "sightline_dashboard.theme.script",
            "sightline_dashboard.theme.live_script",
            "sightline_dashboard.theme.charts_script",
            "sightline_dashboard.theme.keyboard_script",
        ],
        "COLORS": "sightline_dashboard.theme.colours",
        "SIDEBAR": {"navigation": "sightline_dashboard.navigation.sidebar"},
    }
ROOT_URLCONF = "sightline.urls"
WSGI_APPLICATION = "sightline.wsgi.application"
APPEND_SLASH = False
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        # Ours before the theme's.
        "DIRS": [Path(_DASHBOARD_SPEC.origin).parent / "overrides"]
        if _DASHBOARD_SPEC and _DASHBOARD_SPEC.origin
        else [],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
LANGUAGE_CODE = "en-us"
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
STATIC_ROOT = HOME / "static"
STATIC_ROOT.mkdir(mode=0o755, parents=True, exist_ok=True)  # whitenoise warns of a missing one
LOGIN_URL = "/admin/login/"
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"

# --- database ---------------------------------------------------------------------------------------------------
DATABASE_URL = env.secret("SIGHTLINE_DATABASE_URL")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# SQLite leaves an index's covering columns out, which costs nothing there: PostgreSQL is what they are for.
SILENCED_SYSTEM_CHECKS = ["models.W040"]
if DATABASE_URL:
    DATABASES = {"default": dj_database_url.parse(DATABASE_URL, conn_max_age=0, conn_health_checks=True)}
    if DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql":
        DATABASES["default"].setdefault("OPTIONS", {})["pool"] = {
            "min_size": 1,
            "max_size": env.integer("SIGHTLINE_DATABASE_POOL", 16, least=1, most=500),
            "timeout": 15 if _PATIENT else 2,
        }
else:
    DATABASES = {
        "default": {
            "ENGINE": "sightline.database.sqlite3",
            "NAME": str(HOME / "sightline.sqlite3"),
            "CONN_MAX_AGE": None,
            "OPTIONS": {
                # IMMEDIATE: a transaction that reads before it writes can never fail half-way with "locked".
                "transaction_mode": "IMMEDIATE",
                # The lease outlives the longest wait, so a patient worker cannot be fenced off by waiting.
                "timeout": 15 if _PATIENT else 2,
                # FULL: accepted means kept, through a power cut too.
                # Each thread has a connection, and a worker has a hundred threads: theirs keep 2 MB of pages, SQLite's
                # own default.
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
                f" PRAGMA temp_store=MEMORY; PRAGMA cache_size={-2000 if ROLE == 'worker' else -65536};",
            },
        }
    }

# --- Redis ------------------------------------------------------------------------------------------------------
REDIS_URL = env.secret("SIGHTLINE_REDIS_URL")
REDIS_EMBEDDED = not REDIS_URL
REDIS_FOLDER = HOME / "redis"
REDIS_SOCKET = REDIS_FOLDER / "redis.sock"
if len(str(REDIS_SOCKET)) > 100:  # a unix socket's path holds 107 bytes
    _digest = hashlib.sha256(str(HOME).encode()).hexdigest()[:16]
    REDIS_SOCKET = Path(tempfile.gettempdir()) / f"sightline-{os.getuid()}-{_digest}" / "redis.sock"
if REDIS_EMBEDDED:
    REDIS_URL = f"unix://{REDIS_SOCKET}"
REDIS_TIMEOUT_S = 5.0 if _PATIENT else 0.5

# --- answers that are used again --------------------------------------------------------------------------------
# Off: no job looks for an earlier answer, whatever its request says.
CACHE = env.boolean("SIGHTLINE_CACHE", True)
# How old an answer may be where a request does not say.
CACHE_TTL_S = env.integer("SIGHTLINE_CACHE_TTL_S", 86_400, least=1, most=30 * 86_400)
# L1 lives in the same Redis, bounded; or in one of its own (LRU) that may lose everything at any time.
CACHE_REDIS_URL = env.secret("SIGHTLINE_CACHE_REDIS_URL") or REDIS_URL
CACHE_L1_BYTES = env.integer("SIGHTLINE_CACHE_L1_BYTES", 64 * 2**20, least=1024)
# Hits of `near` that the engine answers once more, and the share of false ones above which no more are served.
NEAR_SAMPLE = env.number("SIGHTLINE_NEAR_SAMPLE", 0.05, least=0, most=1)
NEAR_BUDGET = env.number("SIGHTLINE_NEAR_BUDGET", 0.001, least=0, most=1)

# --- models and seats -------------------------------------------------------------------------------------------
# A tag maps to a checkpoint and its engine options; the engine's package checks them when a group starts.
MODELS = env.mapping("SIGHTLINE_MODELS", {"default": {}})
for _tag in MODELS:
    if not re.fullmatch(r"[a-z0-9][a-z0-9@._-]{0,62}", _tag):
        env._refuse(
            "SIGHTLINE_MODELS",
            f"{_tag!r} is no model tag.",
            "Use a–z, 0–9, @, dot, _ and -: `qwen3-vl-8b@int4`.",
        )
DEFAULT_MODEL = env.text("SIGHTLINE_DEFAULT_MODEL", next(iter(MODELS), "default"))
ENGINE_URLS = env.words("SIGHTLINE_ENGINE_URLS")
ENGINE_API_KEY = env.secret("SIGHTLINE_ENGINE_API_KEY")
# Seats per GPU and kind. Unset: 16, 64, 64 on a GPU and 4, 8, 8 on the CPU.
SEATS = {
    kind: env.optional_integer(f"SIGHTLINE_SEATS_{kind.upper()}", least=1, most=512)
    for kind in ("gui", "chat", "ocr")
}

# --- jobs -------------------------------------------------------------------------------------------------------
LEASE_S = env.number("SIGHTLINE_LEASE_S", 30, least=1, most=3600)
ATTEMPT_TIMEOUT_S = env.number("SIGHTLINE_ATTEMPT_TIMEOUT_S", 300, least=1, most=86400)
MAX_ATTEMPTS = env.integer("SIGHTLINE_MAX_ATTEMPTS", 3, least=1, most=20)
MAX_CRASHES = env.integer("SIGHTLINE_MAX_CRASHES", 8, least=1, most=100)
RETENTION_S = env.integer("SIGHTLINE_RETENTION_S", 7 * 86400, least=60)
DRAIN_S = env.number("SIGHTLINE_DRAIN_S", 30, least=0, most=3600)
BACKOFF_S = env.number("SIGHTLINE_BACKOFF_S", 1.0, least=0.01, most=600)
# Queued jobs at most: of one kind, and of one tenant in one kind.
QUEUE_LIMIT = env.integer("SIGHTLINE_QUEUE_LIMIT", 100_000, least=1)
TENANT_QUEUE_LIMIT = env.integer("SIGHTLINE_TENANT_QUEUE_LIMIT", 50_000, least=1)

# --- engine supervision -----------------------------------------------------------------------------------------
# A canary that often; three in a row without an answer in time, and without a generated token, mean that it hangs.
CANARY_EVERY_S = env.number("SIGHTLINE_CANARY_EVERY_S", 2, least=0.1, most=600)
CANARY_TIMEOUT_S = env.number("SIGHTLINE_CANARY_TIMEOUT_S", 10, least=0.1, most=600)
# An engine that died more often than this within ten minutes is left alone for ten minutes.
ENGINE_DEATHS = env.integer("SIGHTLINE_ENGINE_DEATHS", 10, least=1)
# The longest pause before an engine or a worker that keeps dying is started again.
RESTART_PAUSE_S = env.number("SIGHTLINE_RESTART_PAUSE_S", 60, least=0.1, most=3600)

# --- media ------------------------------------------------------------------------------------------------------
MAX_BODY_BYTES = env.integer("SIGHTLINE_MAX_BODY_BYTES", 64 * 2**20, least=1024)
MAX_IMAGE_BYTES = env.integer("SIGHTLINE_MAX_IMAGE_BYTES", 20 * 2**20, least=1024)
MAX_IMAGE_PIXELS = env.integer("SIGHTLINE_MAX_IMAGE_PIXELS", 33_554_432, least=1024)
PIXEL_BUDGET = env.integer("SIGHTLINE_PIXEL_BUDGET", 4_194_304, least=1024)
# Images that no job and no file refers to are deleted when they were not used for so long.
UPLOAD_RETENTION_S = env.integer("SIGHTLINE_UPLOAD_RETENTION_S", 86_400, least=60)
MEDIA_ROOT = env.path("SIGHTLINE_MEDIA_ROOT", HOME / "media")
# What POST /v1/files takes: a batch of thousands of requests is one file.
MAX_FILE_BYTES = env.integer("SIGHTLINE_MAX_FILE_BYTES", 512 * 2**20, least=1024)
FILE_RETENTION_S = env.integer("SIGHTLINE_FILE_RETENTION_S", 30 * 86400, least=3600, most=366 * 86400)
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BODY_BYTES
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
DATA_UPLOAD_MAX_NUMBER_FILES = 100
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": MEDIA_ROOT},
    },
    "media": {
        "BACKEND": env.text("SIGHTLINE_MEDIA_STORAGE", "django.core.files.storage.FileSystemStorage"),
        "OPTIONS": env.mapping("SIGHTLINE_MEDIA_STORAGE_OPTIONS", {"location": str(MEDIA_ROOT)}),
    },
    # What clients keep here: the requests of batches, and files that messages name.
    "files": {
        "BACKEND": env.text("SIGHTLINE_FILE_STORAGE", "django.core.files.storage.FileSystemStorage"),
        "OPTIONS": env.mapping("SIGHTLINE_FILE_STORAGE_OPTIONS", {"location": str(HOME / "files")}),
    },
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# --- other people's servers -------------------------------------------------------------------------------------
# Images and webhooks reach public addresses only, and what a closed network names here: `10.0.0.0/8`.
ALLOWED_NETWORKS = env.networks("SIGHTLINE_ALLOWED_NETWORKS")
# Threads of the cpu worker: fetches and deliveries at once.
CPU_THREADS = env.integer("SIGHTLINE_CPU_THREADS", 16, least=2, most=256)
WEBHOOK_RETENTION_S = env.integer("SIGHTLINE_WEBHOOK_RETENTION_S", 30 * 86400, least=3600)

# --- mail -------------------------------------------------------------------------------------------------------
# Alerts by mail: smtp://host:25, smtp+tls://user:password@host:587 (STARTTLS), smtps://user:password@host:465.
_MAIL = env.mail_server("SIGHTLINE_EMAIL_URL")
EMAIL_CONFIGURED = _MAIL is not None
if _MAIL is not None:
    EMAIL_HOST, EMAIL_PORT = _MAIL.host, _MAIL.port
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _MAIL.user, _MAIL.password
    EMAIL_USE_TLS, EMAIL_USE_SSL = _MAIL.starttls, _MAIL.tls
EMAIL_TIMEOUT = 15
DEFAULT_FROM_EMAIL = env.text("SIGHTLINE_EMAIL_FROM", f"sightline@{socket.gethostname()}")

# --- service levels ---------------------------------------------------------------------------------------------
# The share of a kind's jobs that start within so many seconds.
SLO = env.mapping(
    "SIGHTLINE_SLO",
    {
        "gui": {"share": 0.95, "start_within_s": 1},
        "chat": {"share": 0.95, "start_within_s": 5},
        "ocr": {"share": 0.95, "start_within_s": 60},
    },
)
for _kind, _target in SLO.items():
    if not (
        isinstance(_target, dict)
        and set(_target) == {"share", "start_within_s"}
        and 0 < _target["share"] < 1
        and _target["start_within_s"] > 0
    ):
        env._refuse(
            "SIGHTLINE_SLO",
            f"{_kind!r} has no target.",
            'Use {"gui": {"share": 0.95, "start_within_s": 1}, …}.',
        )

# --- playground -------------------------------------------------------------------------------------------------
# Operators try models out in the admin; those jobs belong to a tenant of its own, with quotas of its own.
PLAYGROUND = env.boolean("SIGHTLINE_PLAYGROUND", True)
PLAYGROUND_TENANT = env.text("SIGHTLINE_PLAYGROUND_TENANT", "playground")
if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", PLAYGROUND_TENANT):
    env._refuse(
        "SIGHTLINE_PLAYGROUND_TENANT",
        f"{PLAYGROUND_TENANT!r} is no name of a tenant.",
        "Use letters, digits, _ and -.",
    )

# --- operations -------------------------------------------------------------------------------------------------
METRICS_TOKEN = env.secret("SIGHTLINE_METRICS_TOKEN")
LOG_LEVEL = env.choice("SIGHTLINE_LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR"))
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "sightline": {"level": LOG_LEVEL},
        "sightline_workers": {"level": LOG_LEVEL},
        # A client's mistake is an answer, no event; a failure is logged by the handler that renders it.
        "django.request": {"level": "CRITICAL"},
        "django.security.DisallowedHost": {"level": "CRITICAL"},
    },
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["sightline.api.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["sightline.api.parsers.StrictJSONParser"],
    "EXCEPTION_HANDLER": "sightline.api.native.errors.render",
    "DEFAULT_SCHEMA_CLASS": "sightline.api.openapi.Operation",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Sightline",
    "DESCRIPTION": "Jobs for vision-language models: submit an image, get a typed result. *Authorize* takes an API key;"
    " `make up` leaves one in `.sightline/api-key`, `sightline keys create NAME` makes others.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    # In the order in which a reader meets them.
    "TAGS": [
        {"name": "jobs", "description": "Submit, wait, follow, cancel, retry, replay"},
        {"name": "uploads", "description": "Send an image once, name it in many jobs"},
        {"name": "openai", "description": "The same jobs for OpenAI's clients: base_url …/v1"},
        {"name": "batches", "description": "How far the batches of /v1 are"},
        {"name": "sessions", "description": "Histories that jobs go on from"},
        {"name": "webhooks", "description": "Be told when jobs end"},
        {"name": "bulk", "description": "Act on all jobs that a search finds"},
        {
            "name": "queues",
            "description": "What waits and runs, and on which GPUs; pause, drain, change seats",
        },
        {"name": "keys", "description": "API keys and quotas"},
        {"name": "alerts", "description": "Rules, where they are told, and what they told"},
        {"name": "operations", "description": "Health and metrics"},
    ],
    "POSTPROCESSING_HOOKS": ["sightline.api.openapi.complete"],
}
