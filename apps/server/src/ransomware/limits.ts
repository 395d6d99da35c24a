/** What the analysis for ransomware goes by, as products of this kind do it. Smallest numbers of files: `limits` of the protocol. */

const hourMs = 3_600_000;

/** A backup is compared with the earliest one of so long before, so that who works slowly is seen as well. */
export const comparedWithinMs = 25 * hourMs;
/** Else with the newest one that is no older. */
export const comparedAtMostMs = 30 * 24 * hourMs;
/** More of an extension than this has to be gone; each confirmed false alarm of the computer and extension raises it. */
export const thresholdPercent = 50;
export const falseAlarmPercent = 5;
export const maxThresholdPercent = 90;
/** Alerts that somebody has seen to are kept so long. */
export const alertsKeptMs = 14 * 24 * hourMs;
/** False alarms of one computer that are looked at, and alerts of one day. */
export const maxAlertsLookedAt = 500;
