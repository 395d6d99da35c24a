/** The servers on this catalogue. One that ends takes its row away; one that falls silent is declared dead by another. */
export interface InstancesTable {
  id: string;
  name: string;
  /** Counts up while it lives. Others look whether it does, so that no two clocks are ever compared. */
  beat: number;
  startedAt: string;
}

/** What all instances must have alike. */
export interface SharedFactsTable {
  name: string;
  value: string;
}

/** Tables of the installation as a whole: no tenant's query gets at them. */
export type SystemDatabase = {
  instances: InstancesTable;
  sharedFacts: SharedFactsTable;
};
