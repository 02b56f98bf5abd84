/** The part of cli-progress 3.12 that progress-view.ts uses; the package has no types. */
declare module "cli-progress" {
  interface BarOptions {
    stream: NodeJS.WritableStream;
    format: string;
    barsize: number;
    hideCursor: boolean;
    clearOnComplete: boolean;
    gracefulExit: boolean;
    fps: number;
    linewrap: boolean;
    barCompleteChar: string;
    barIncompleteChar: string;
  }
  export class SingleBar {
    constructor(options: BarOptions);
    start(total: number, value: number, payload: Record<string, string>): void;
    update(value: number, payload: Record<string, string>): void;
    stop(): void;
  }
  const cliProgress: { SingleBar: typeof SingleBar };
  export default cliProgress;
}
