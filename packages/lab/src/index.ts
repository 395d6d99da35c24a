export { Fleet, type FleetMember, type RunReport } from './fleet.ts';
export type { LabHost, RoleCommand } from './host.ts';
export type { RunOptions } from './namespace.ts';
export { type HostPlace, LabNetwork } from './network.ts';
export type { RoleProcess } from './role-process.ts';
