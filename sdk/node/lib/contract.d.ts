// The contract's types in its JSON form: `wit/README.md`, "Encoding". Their comments are in `wit/types.wit`.

/** RFC 3339 in UTC. */
export type Timestamp = string;
/** A UUID. */
export type CommandId = string;
export type Action = "reset" | "remove";
export type ResetOption = "lock-now" | "require-entry" | "no-credentials-on-boot";
export type ManagementMode = "device-owner" | "profile-owner" | "device-admin";
export type TokenState = "missing" | "unconfirmed" | "active" | "invalid" | "unsupported";
export type Quality =
  | "unspecified" | "something" | "numeric" | "numeric-complex" | "alphabetic" | "alphanumeric" | "complex";
export type Complexity = "none" | "low" | "medium" | "high";
export type Requirement = { quality: Quality } | { complexity: Complexity };

export interface Policy {
  requirement: Requirement;
  minimum_length: number;
}

export interface Condition {
  password_set: boolean;
  token: TokenState;
  unlocked_since_boot: boolean;
  direct_boot_aware: boolean;
  secure_lock_screen: boolean;
  other_admin_entry_pending: boolean;
  other_admin_policy: Policy | null;
}

export interface PolicyOverride {
  command: CommandId;
  since: Timestamp;
}

export interface Device {
  id: string;
  api_level: number;
  agent_version: string;
  management_mode: ManagementMode;
  managed_profile: boolean;
  ownership: "company" | "personal";
  groups: string[];
  condition: Condition;
  last_sync: Timestamp;
  policy: Policy | null;
  policy_override: PolicyOverride | null;
}

export interface Request {
  options: ResetOption[];
  replaces: CommandId | null;
  /** In seconds. */
  valid_for: number | null;
  reason: string | null;
  requester: { role: string; id: string } | null;
}

export type DeviceFailure =
  | "existing-password" | "may-not-clear" | "not-supported" | "user-locked" | "token-not-active" | "token-invalid"
  | "token-unsupported" | "policy-violation" | "password-not-accepted" | "other-admin-entry-pending"
  | "no-secure-lock-screen" | "password-unreadable" | { other: string };
export type DeviceOutcome = "success" | { failed: DeviceFailure };
export type Failure = { device: DeviceFailure } | { superseded: CommandId } | "cancelled" | "expired";
export type Outcome = "success" | { failed: Failure };
export type Status = "pending" | Outcome;

export interface Command {
  id: CommandId;
  action: Action;
  options: ResetOption[];
  status: Status;
  requested_at: Timestamp;
  completed_at: Timestamp | null;
  expires_at: Timestamp | null;
  late_outcome: DeviceOutcome | null;
}

export interface PasswordRule {
  characters: "digits" | "alphanumeric";
  minimum_length: number;
  maximum_length: number;
}

export interface Deployment {
  password_rule: PasswordRule;
  minimum_agent_version: string;
}

export interface Capabilities {
  options: ResetOption[];
  expiry: boolean;
  passwords: { minimum_pin_length: number; minimum_length: number; maximum_length: number };
}

/** The input of a call. The host adds the metrics of the password. */
export interface Situation {
  device: Device;
  pending: Command | null;
  latest: Command | null;
  deployment: Deployment;
  capabilities: Capabilities;
  online: boolean;
  now: Timestamp;
}

export type PasswordFault =
  | { "too-short": number } | { "too-long": number } | "not-only-digits" | "needs-letter" | "needs-digit" | "guessable"
  | { other: string };
export type Refusal =
  | { "password-refused": PasswordFault[] } | { "agent-too-old": { agent_version: string; required_version: string } }
  | { conflict: CommandId } | { "not-pending": CommandId } | "nothing-to-remove" | { "not-expired": CommandId }
  | "bad-validity" | { other: string };
/** A result of the contract. */
export type Result<T> = { ok: T } | { err: Refusal };
export type ReportEffect = "completed" | "repeated" | "late";
export type PolicyState = "none" | "enforced" | { overridden: PolicyOverride };

export interface DeviceStatus {
  latest: Command | null;
  policy_state: PolicyState;
  remove_offered: boolean;
  password_rule: PasswordRule;
}

export type Wait = { "device-offline": Timestamp } | "user-must-unlock";
export type Verdict =
  | "will-succeed" | { "will-wait": Wait } | { "will-fail": DeviceFailure } | { "would-be-refused": Refusal };

export interface DevicePreview {
  verdict: Verdict;
  /** The contract's `remedy`. */
  remedy: string | Record<string, unknown> | null;
  /** The contract's `note`s. */
  notes: (string | Record<string, unknown>)[];
}

export type Effect =
  | { send: Command } | { complete: { command: CommandId; outcome: Outcome } }
  | { "keep-late-outcome": { command: CommandId; outcome: DeviceOutcome } }
  | { "set-policy-override": PolicyOverride | null };
