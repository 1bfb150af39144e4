"""Policies to start from: the commented one that `init` writes, and the demo's over the sandbox.

Both are texts rather than dumps, because the comments are half of what they are for; tests hold them to
the model.
"""

from __future__ import annotations

_DEFAULT = """\
# What may be done with which recordings. Every key is checked; `sottovoce policy check` reads this file
# back in sentences. What is left out has its careful default (see docs/policy.md).
version: "1"            # yours to count; the digest in the ledger changes with every value below
tenant: default         # whose recordings these are; part of every key's context
environment: development  # `production` refuses the file key provider
purpose: ai_training

# Where recordings come from. Any number of sources, each under a name of your own.
sources:
  recordings:
    kind: folder
    path: recordings            # below the workspace; audio with a JSON file of metadata beside each
    customer_channel: "1"       # which channel is the customer: say it, and check it by ear once
  # cloud:
  #   kind: genesys
  #   region: eu_west_1
  #   client_id: env:GENESYS_CLIENT_ID          # secrets by reference only: env:NAME or file:PATH
  #   client_secret: env:GENESYS_CLIENT_SECRET
  #   since: 2025-01-01
  #   customer_channel: "1"

# On what ground (GDPR Article 6). `legitimate_interest` needs the assessment's id and date, and that it
# addresses re-identification by voice.
lawful_basis:
  basis: consent

# Consent to training, as the call flow wrote it on the participants. Any opt-out wins; silence is no.
consent:
  consent_attribute: aiTrainingConsent
  opt_out_attribute: aiTrainingOptOut
  withdrawn_attribute: aiTrainingConsentWithdrawn
  wordings:                     # the prompts that named AI training, and the first day of each;
    - version: "2025-01"        # a yes from before the first of them does not count
      effective: 2025-01-01     # <- the day your own prompt began to name it

# What stays out whatever was consented to.
exclusions:
  payment_attribute: paymentCaptured
  queue_categories: [crisis, health]
  test_numbers: []              # numbers of your own that are dialled in tests, in quotes
  min_seconds: 30
  max_seconds: 300
  languages_allowed: [en]

# How much, and how evenly. Deterministic for a seed.
selection:
  target_hours: 1
  stratify_by: [queue_category]
  # minimum_shares:
  #   - {dimension: codec, value: g711, share: 0.3}
  seed: 1

# What must not be heard. Bundles: pci, phi, gdpr_special, all; or single entities.
redaction:
  default: [all]
  # queues:                     # by queue or its category; detection runs on every queue all the same
  #   billing: [pci, NAME, PHONE]
  agent: full_numbers           # the agent's channel: whole numbers only, so a last-four read-back stays
  fill: silence                 # or tone, or noise
  margin_ms: 200                # kept free on each side of a finding; never less

anonymization:
  method: disguise              # `none` needs waiver_who and waiver_why

corpus:
  name: corpus
  rate: 16000
  format: flac
  channels: separate            # one sample a channel, so that splits can keep speakers apart
  splits: {train: 0.8, validation: 0.1, test: 0.1}
  # queue_categories: {"Billing": billing}      # the only thing about a queue that is ever released

keys:
  provider: file                # an encrypted key ring in this workspace: for development. In production:
                                # aws-kms, pkcs11, transit, gcp-kms or azure-key-vault (see docs/keys.md)
  passphrase: env:SOTTOVOCE_PASSPHRASE

storage:
  url: file:objects             # below the workspace, or s3://, gs:// or az://bucket/prefix

database:
  url: sqlite:registry.sqlite
  engine_url: sqlite:engine.sqlite
  keys_url: sqlite:keys.sqlite  # the key store: keep its backups short, and apart from the others

retention:
  corpus_days: 365              # `sottovoce retention plan` shows what this comes to, `sweep` enforces it
  raw_days: 30
  # duties:                     # laws that ask for longer, or for less; PCI_DSS and GDPR when none is named
  #   - {name: MIFID_II, years: 5, queue_categories: [trading]}

models:
  transcriber: tiny.en          # packaged; or a CTranslate2 folder by path, with its digest
"""

_DEMO = """\
# The demo's policy: calls from the sandbox on this machine, everything else as small as it can be.
version: demo-1
tenant: demo
environment: development
purpose: ai_training

sources:
  sandbox:
    kind: genesys
    api_url: {api_url}
    client_id: {client_id}
    client_secret: {client_secret}
    media_hosts: ["{media_host}"]
    since: 2024-10-01           # the sample calls are spread over these two years
    until: 2026-11-01
    customer_channel: "1"

lawful_basis:
  basis: consent

consent:
  wordings:
    - version: "2025-01"        # the day the sample prompt began to name AI training
      effective: 2025-01-01

exclusions:
  queue_categories: [crisis, health]
  test_numbers: ["+12025550199"]
  min_seconds: 30
  max_seconds: 300
  languages_allowed: [en]

selection:
  target_hours: 1
  stratify_by: [queue_category, season]
  seed: 1

redaction:
  default: [all]
  agent: full_numbers
  fill: silence
  margin_ms: 200

anonymization:
  method: disguise

corpus:
  name: demo
  splits: {{train: 0.8, validation: 0.1, test: 0.1}}
  queue_categories:
    Billing: billing
    Deliveries: delivery
    Technical Support: support
    Orders: orders
    Crisis Line: crisis

keys:
  provider: file
  passphrase: env:SOTTOVOCE_PASSPHRASE
"""


def default_policy() -> str:
    """What `sottovoce init` writes: the folder source, every section, a comment to each choice."""
    return _DEFAULT


def demo_policy(
    *,
    api_url: str,
    media_host: str,
    client_id: str = "file:sandbox-id",
    client_secret: str = "file:sandbox-secret",  # noqa: S107 - says where it is
) -> str:
    """For the sandbox at `api_url` (media from `media_host`, with its port); credentials by reference."""
    return _DEMO.format(api_url=api_url, media_host=media_host, client_id=client_id, client_secret=client_secret)
