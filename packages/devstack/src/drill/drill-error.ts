/** Something that the person at the terminal can mend. */
export class DrillError extends Error {}
