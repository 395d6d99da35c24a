import { z } from 'zod';
import { isoTime } from '../names.ts';
import { route } from '../route.ts';
import { trafficRule } from '../traffic-rules.ts';
import { byId, pageOf, pageQuery, text } from './parts.ts';

const { id, sources, targets, bytesPerSecond, windows, timeZone } = trafficRule.shape;

/**
 * What may pass in a second, in each direction, between computers with these addresses and movers with those, or the other way round.
 * Of several rules that hold the lowest decides; all that is under way at a mover shares a rule equally; what stays on one computer
 * has no limit.
 */
export const bandwidthRuleSettings = z.strictObject({
  name: text,
  enabled: z.boolean().default(true),
  /** Any address, if there is none. */
  sources: sources.default([]),
  targets: targets.default([]),
  bytesPerSecond,
  windows: windows.default([]),
  /** Of the windows; the server's own if left out. */
  timeZone: timeZone.default(() => Intl.DateTimeFormat().resolvedOptions().timeZone),
});
export type BandwidthRuleSettings = z.infer<typeof bandwidthRuleSettings>;

const networkRule = z.object({ id, ...bandwidthRuleSettings.shape, createdAt: isoTime, changedAt: isoTime });
export type NetworkRule = z.infer<typeof networkRule>;

export const bandwidthRuleRoutes = {
  createBandwidthRule: route('createBandwidthRule', 'POST', '/api/v1/bandwidth-rules', {
    access: 'network.manage',
    summary: 'Limit what passes between addresses',
    tag: 'network',
    audited: ['name', 'enabled', 'sources', 'targets', 'bytesPerSecond'],
    body: bandwidthRuleSettings,
    response: networkRule,
  }),
  bandwidthRules: route('bandwidthRules', 'GET', '/api/v1/bandwidth-rules', {
    access: 'network.read',
    summary: 'Limits of what passes between addresses',
    tag: 'network',
    query: pageQuery,
    response: pageOf('rules', networkRule),
  }),
  bandwidthRule: route('bandwidthRule', 'GET', '/api/v1/bandwidth-rules/{id}', {
    access: 'network.read',
    summary: 'One of them',
    tag: 'network',
    params: byId,
    response: networkRule,
  }),
  changeBandwidthRule: route('changeBandwidthRule', 'PUT', '/api/v1/bandwidth-rules/{id}', {
    access: 'network.manage',
    guarded: true,
    summary: 'Change a limit: all of it, what is left out becomes the default',
    tag: 'network',
    audited: ['name', 'enabled', 'sources', 'targets', 'bytesPerSecond'],
    params: byId,
    body: bandwidthRuleSettings,
    response: networkRule,
  }),
  deleteBandwidthRule: route('deleteBandwidthRule', 'DELETE', '/api/v1/bandwidth-rules/{id}', {
    access: 'network.manage',
    guarded: true,
    summary: 'Delete a limit',
    tag: 'network',
    params: byId,
    response: z.object({}),
  }),
} as const;
