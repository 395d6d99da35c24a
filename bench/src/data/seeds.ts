export const dataSeed = 'holdfast bench';
/** Old enough that no program doubts a file because it changed just now. */
export const modifiedAt = new Date('2024-02-29T12:00:00Z');
/** Of what is changed later. */
export const changedAt = new Date('2024-03-01T12:00:00Z');
