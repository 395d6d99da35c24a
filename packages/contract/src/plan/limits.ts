/**
 * Channels between classes of hosts. 10,000 computers that all differ, with twenty stores among which they choose, have 90,000;
 * computers alike are one class. Each costs some hundred bytes.
 */
export const maxAppliedChannels = 500_000;
