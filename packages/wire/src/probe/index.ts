export {
  type Diagnosis,
  type DiagnosisKind,
  describeDiagnosis,
  isFailure,
  needsRule,
  remedy,
} from './diagnosis.ts';
export { maxIdleMs } from './limits.ts';
export { checkNames, resolveName } from './names.ts';
export type { PortState, PortStates } from './port-state.ts';
export { type Admission, ProbeListener, withoutHolder } from './probe-listener.ts';
export { type ProbePort, type ProbeResult, Prober, type ProbeTarget } from './prober.ts';
export { type ProbeKey, probeKey } from './proof.ts';
export { triedPorts } from './sample.ts';
