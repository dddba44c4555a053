// Declares the port that shows how far a long command is.

/**
 * Shows a step of a command.
 * @param step what happens now, such as `Verifying passwords`; empty to show nothing, before anything else is written.
 * @param done how many are done; undefined where nothing is counted.
 */
export type Progress = (step: string, done?: number) => void;

/** Shows nothing. */
export const noProgress: Progress = () => undefined;
