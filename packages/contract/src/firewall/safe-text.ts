import type { Flow } from '../plan/plan.ts';

const unsafeRun = /[^A-Za-z0-9 ._:,/+=@-]+|-{2,}/g;
const unsafeInPath = /[^a-z0-9.-]|^[.-]/g;

/**
 * The text with nothing in it that means something to any firewall's language, to a shell or to XML: host names, notes and
 * reasons come from the topology, and nobody must get a rule of their own in by them. At most `limit` characters.
 */
export function safeText(text: string, limit: number): string {
  const safe = text.replaceAll(unsafeRun, (run) => (run.startsWith('-') ? '-' : '_')).trim();
  return safe.length <= limit ? safe : `${safe.slice(0, limit - 3)}...`;
}

/** A file name for a host. Different hosts get different ones: what is not safe becomes `_` and its code. */
export function fileStem(hostName: string): string {
  return hostName.replaceAll(unsafeInPath, (unsafe) => `_${unsafe.charCodeAt(0).toString(16)}_`);
}

/** What a rule's comment says: the channels behind the flow, as many as fit, or the administrator's reason. */
export function ruleComment(flow: Flow, limit: number): string {
  const { channels, reasons } = flow;
  if (channels.length === 0) return safeText(`administrator: ${reasons.join(', ')}`, limit);
  const everyId = channels.join(', ');
  if (everyId.length <= limit) return everyId;
  for (let kept = channels.length - 1; kept > 0; kept -= 1) {
    const text = `${channels.slice(0, kept).join(', ')} +${channels.length - kept}`;
    if (text.length <= limit) return text;
  }
  return safeText(everyId, limit);
}
