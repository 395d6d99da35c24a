import { X509Certificate } from 'node:crypto';
import { arch, availableParallelism, freemem, loadavg, platform, release, totalmem, uptime } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { type Clock, productVersion, systemClock } from '@holdfast/core';
import { bundleLimits } from './limits.ts';

/** The program and the computer that it runs on. */
export function productFacts(clock: Clock): Record<string, unknown> {
  return {
    productVersion,
    node: process.version,
    openssl: process.versions.openssl,
    platform: platform(),
    release: release(),
    architecture: arch(),
    libc: libcOf(),
    processors: availableParallelism(),
    memoryBytes: totalmem(),
    freeMemoryBytes: freemem(),
    load: loadavg(),
    computerUpSeconds: Math.round(uptime()),
    timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    now: clock.now().toISOString(),
    isRoot: process.getuid?.() === 0,
  };
}

function libcOf(): string {
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  const version = report.header?.glibcVersionRuntime;
  return version === undefined ? 'none of GNU' : `glibc ${version}`;
}

/** This very process: memory, what it has used, and how long its event loop lets wait, measured for half a second. */
export async function processFacts(signal: AbortSignal): Promise<Record<string, unknown>> {
  const delay = monitorEventLoopDelay({ resolution: 10 });
  const before = performance.eventLoopUtilization();
  delay.enable();
  try {
    // In real time, whatever clock decides what is due.
    await systemClock.sleep(bundleLimits.delayMs, signal);
  } finally {
    delay.disable();
  }
  const resources = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) resources.set(kind, (resources.get(kind) ?? 0) + 1);
  const ms = (ns: number): number => Math.round(ns / 1e4) / 100;
  return {
    upSeconds: Math.round(process.uptime()),
    memory: process.memoryUsage(),
    used: process.resourceUsage(),
    eventLoop: {
      utilization: performance.eventLoopUtilization(before).utilization,
      delayMs: { mean: ms(delay.mean), p99: ms(delay.percentile(99)), max: ms(delay.max) },
    },
    activeResources: Object.fromEntries(resources),
  };
}

/** What people ask about certificates, of each in a PEM text; keys that stand beside them are not looked at. */
export function certificateFacts(pem: string): Record<string, unknown>[] {
  const found = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
  return found.map((one) => {
    const certificate = new X509Certificate(one);
    return {
      subject: certificate.subject,
      issuer: certificate.issuer,
      names: (certificate.subjectAltName ?? '').split(', ').map((name) => name.replace(/^(?:DNS|IP Address|URI):/, '')),
      serial: certificate.serialNumber.toLowerCase(),
      fingerprint: `sha256:${certificate.fingerprint256.replaceAll(':', '').toLowerCase()}`,
      validFrom: certificate.validFromDate.toISOString(),
      expiresAt: certificate.validToDate.toISOString(),
    };
  });
}
