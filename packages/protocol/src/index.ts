export { type AgentPolicy, agentPolicy, type PolicyReport, policyReport } from './agent-policies.ts';
export {
  type AuditRecord,
  AuditVerifier,
  auditHash,
  auditOutcome,
  auditRecord,
  firstAuditHash,
} from './audit-chain.ts';
export { auditRequestOf } from './audit-plan.ts';
export {
  type PageRequest,
  pageRequestHeader,
  pageRequests,
  sessionCookieName,
} from './browser-session.ts';
export { type CallContext, CallPeer, type Handlers } from './calls.ts';
export { attachment, type ByteAnswer, ContentsSink } from './contents-sink.ts';
export { type DeviceAuthorization, signInAsDevice } from './device-sign-in.ts';
export { writeFileDurably } from './durable-file.ts';
export { type EnrolOptions, enrolComputer } from './enrol-client.ts';
export {
  caFingerprint,
  certificateAnswer,
  controlPath,
  type EnrolAnswer,
  type EnrollableRole,
  type EnrolRequest,
  enrolAnswer,
  enrollableRole,
  enrolPath,
  enrolRequest,
  renewPath,
  renewRequest,
  reportPath,
  taskProtocol,
} from './enrolment.ts';
export { errorReport, parseErrorReport, parseJsonText, parseMessage, reportOf } from './error-report.ts';
export { type ExecutorMethods, type ExecutorPlace, executorMethods, joinedStream } from './executor-process.ts';
export { encodeFrame, readFrames, writeFrame } from './frames.ts';
export {
  type Grant,
  GrantIssuer,
  type GrantMode,
  type GrantRequest,
  GrantVerifier,
  grantMode,
  type IdentityKey,
  identityKey,
  sameText,
} from './grants.ts';
export { IdentityKeeper, type RenewalOptions } from './identity-keeper.ts';
export { kitPasswordIn, type SealedKitPassword } from './kit-key-file.ts';
export * as limits from './limits.ts';
export {
  dialRepository,
  type LocalAnswer,
  type LocalRegistration,
  type LocalRequest,
  localAnswer,
  localRequest,
  newRelayId,
  readSingleFrame,
  registerWithLocalMover,
} from './local-mover.ts';
export { machineTokens } from './machine-sign-in.ts';
export {
  analysisTask,
  checkTask,
  type DrillResult,
  drillTask,
  type ExtensionChange,
  extensionChange,
  forgetTask,
  kitSeal,
  pruneTask,
  type RetentionRule,
  retentionRule,
  type SnapshotEntry,
  type SnapshotFacts,
} from './maintenance-tasks.ts';
export {
  type ChannelUseReport,
  channelUse,
  configurationEnd,
  configurationPiece,
  type DialRequest,
  dialRequest,
  type FoundRepository,
  foundRepositories,
  keptConfiguration,
  keptTrust,
  type LeaseAnswer,
  leaseAnswer,
  leaseRequest,
  localAgents,
  measuredRepository,
  type OpenSession,
  openSession,
  placedRepository,
  placeRepository,
  type RepositoryRef,
  repositoryName,
  type SessionStatus,
  sessionStatus,
  type TrustUpdate,
  trustRevision,
  trustUpdate,
  type UseAnswer,
  useAnswer,
} from './mover-api.ts';
export { moverApiPrefix, moverPortsPath, moverTasksPath, viewPath, viewProtocol } from './mover-paths.ts';
export { entityId, isoTime, localTenant, platform, slug } from './names.ts';
export {
  commandLineClientId,
  deviceAuthorization,
  deviceCodeGrant,
  oauthError,
  oauthPaths,
  oauthScopes,
  tokenAnswer,
} from './oauth.ts';
export { openApiDocument } from './openapi.ts';
export {
  type PanelMethod,
  type PanelMethods,
  type PanelParams,
  type PanelPolicy,
  type PanelResult,
  type PanelState,
  type PanelTask,
  panelApiPrefix,
  panelDownloadPrefix,
  panelKeyHeader,
  panelMethods,
  panelTask,
} from './panel-methods.ts';
export { type Permission, type PersonRole, permissionsOf, personRole } from './permissions.ts';
export { type PortHandlers, portHandlers } from './port-handlers.ts';
export type { AuditAnswer, AuditRequest, ListenEvent, ListenRequest, TryEvent, TryRequest } from './port-messages.ts';
export type { AuditResult, CheckResult, FleetWorkView } from './port-routes.ts';
export { parseProblem, problemOf, problemType } from './problem.ts';
export { digestOfProof, type ProofAttestation, ProofSigner, verifyProof } from './proof-signature.ts';
export { findingText, type RansomwareFinding, ransomwareFinding } from './ransomware-finding.ts';
export {
  archiveFormat,
  type ContentsHead,
  contentsHead,
  type Listing,
  listing,
  type Reading,
  type ReadingLine,
  readingLine,
} from './reading.ts';
export {
  firstReceiptHash,
  maxReceiptProblems,
  type Receipt,
  type ReceiptDrill,
  ReceiptSigner,
  ReceiptVerifier,
  receiptDrill,
  receiptHash,
} from './receipts.ts';
export {
  type RecoverableSnapshot,
  type RecoveryCertificate,
  type RecoveryGrant,
  recoveryBackups,
  recoveryBackupsPath,
  recoveryBackupsQuery,
  recoveryCertificate,
  recoveryContentsPath,
  recoveryContentsQuery,
  recoveryCredentialsAnswer,
  recoveryCredentialsPath,
  recoveryCredentialsRequest,
  recoveryGrant,
  recoveryGrantRequest,
  recoveryGrantsPath,
  recoveryTokenPath,
  recoveryTokenRequest,
} from './recovery.ts';
export {
  identityForRecovery,
  loadRecovery,
  RecoveryClient,
  type RecoveryProof,
  recoveryProofHash,
  type StoredRecovery,
  signInForRecovery,
} from './recovery-client.ts';
export { reportToServer } from './report.ts';
export { type DataDirection, dataDirection, type RepositoryAccess } from './repository-access.ts';
export {
  type DrillOptions,
  keepsLess,
  type RepositoryMaintenance,
  repositoryMaintenance,
} from './repository-maintenance.ts';
export {
  type AccessView,
  accountName,
  type PasskeyRegistration,
  type SecondFactorProof,
  type User,
} from './rest/account-routes.ts';
export type { SyslogExport } from './rest/audit-export-routes.ts';
export {
  type BandwidthRuleSettings,
  bandwidthRuleSettings,
  type NetworkRule,
} from './rest/bandwidth-rule-routes.ts';
export { type Computer, type ComputerDetail, type ComputerFilter, computerFilters } from './rest/computer-routes.ts';
export type { DrilledComputer, ListedReceipt } from './rest/drill-routes.ts';
export {
  type AgentConfiguration,
  agentConfiguration,
  defaultRescanAt,
  type ExpectedComputer,
  expectedFields,
  type Group,
  type GroupType,
  groupSettings,
  groupType,
  type RescanResult,
  rescanResult,
} from './rest/group-routes.ts';
export type { Health, HealthComponent } from './rest/health-routes.ts';
export {
  type IdentityProvider,
  type IdentityProviderSettings,
  identityProviderSettings,
  type OutsideIdentity,
} from './rest/identity-provider-routes.ts';
export { type Job, type JobSettings, jobSettings, maxNamedComputers } from './rest/job-routes.ts';
export type { NetworkChange, NetworkMap } from './rest/network-routes.ts';
export type { NotificationView } from './rest/notification-routes.ts';
export type { OauthClient } from './rest/oauth-client-routes.ts';
export type { Counted, Overview } from './rest/overview-routes.ts';
export { type Policy, type PolicyComputer, type PolicySettings, policySettings } from './rest/policy-routes.ts';
export type { RansomwareAlert } from './rest/ransomware-routes.ts';
export {
  type ConfigurationBackup,
  configurationPlace,
  type RecoveryKit,
  recoveryKitState,
} from './rest/recovery-routes.ts';
export {
  type RecoveryAccess,
  type RecoveryScope,
  type RecoveryToken,
  recoveryScope,
} from './rest/recovery-token-routes.ts';
export type { CatalogueSnapshot, HandedGrant, Repository } from './rest/repository-routes.ts';
export type { RunLogLine } from './rest/run-log-routes.ts';
export type { Run } from './rest/run-routes.ts';
export type { ServerEvent } from './rest/server-routes.ts';
export { type MachineGrants, machineGrants, type ServiceAccount } from './rest/service-account-routes.ts';
export type { Session } from './rest/session-routes.ts';
export { type Approval, approval } from './rest/user-routes.ts';
export { type Routes, routes } from './rest-api.ts';
export { type Answer, type CallArguments, RestClient } from './rest-client.ts';
export { minKeptPoints, type Retention, retention } from './retention.ts';
export type { Route } from './route.ts';
export {
  type LogLevel,
  type LogLine,
  logLine,
  logLineOf,
  TaskLog,
} from './run-log.ts';
export { dueOccurrence } from './schedule/due.ts';
export type { Timing } from './schedule/occurrences.ts';
export { nextOccurrence, occurrencesWithin } from './schedule/occurrences.ts';
export {
  type Schedule,
  schedule,
  type TimeWindow,
  timeWindow,
  timeZone,
  type Weekday,
  weekdays,
} from './schedule/schedule.ts';
export { isOpen } from './schedule/window.ts';
export { type KeyAndRequest, newKeyAndRequest } from './signing-request.ts';
export { loadIdentity, prepareDataDir, readSecretFile, type StoredIdentity } from './stored-identity.ts';
export { taskHandlers } from './task-handlers.ts';
export { type TaskMethods, taskMethods } from './task-methods.ts';
export { type OutputPiece, outputPiece, TaskOutput } from './task-output.ts';
export { type TaskContext, type TaskIds, TaskRegistry } from './task-registry.ts';
export {
  type SpeedSample,
  type TaskChannel,
  TaskChannels,
  type TaskStatistics,
  taskStatistics,
} from './task-statistics.ts';
export {
  type BackupResult,
  type BackupTask,
  type Bandwidth,
  backupTask,
  bandwidthRule,
  type Degradation,
  degradation,
  type Hello,
  hello,
  type MaintenanceTask,
  type Progress,
  progress,
  type RestoreResult,
  type RestoreTask,
  restoreTask,
  type ScriptReport,
  type Task,
  type TaskEvent,
  type TaskOutcome,
  type TaskResult,
  type ToldEntries,
  type ViewTask,
  viewServed,
  viewTask,
  type Waits,
} from './tasks.ts';
export { AddressRanges, type TrafficRule } from './traffic-rules.ts';
