export { Fleet, type FleetMember, type RunReport } from './fleet.ts';
export type { LabHost, RoleCommand } from './host.ts';
export type { RunOptions } from './namespace.ts';
export { type HostPlace, LabNetwork, placesOf } from './network.ts';
export { renderMatrix } from './proof/matrix.ts';
export type { Proof } from './proof/proof.ts';
export { labsFor, type ProofOptions, prove } from './proof/prove.ts';
export { scenariosOf } from './proof/scenarios.ts';
export type { RoleProcess } from './role-process.ts';
