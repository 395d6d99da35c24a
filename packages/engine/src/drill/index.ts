export { type DrillAmount, type DrillOptions, type DrillReport, drill } from './drill.ts';
