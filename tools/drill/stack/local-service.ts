/** A service that runs as processes of this machine. */
export interface LocalService {
  start(): Promise<void>
  kill(): Promise<void>
  /** Sends SIGTERM and resolves with the exit code; 128 and its number where a signal has ended the process. */
  stop(): Promise<number>
  pause(): Promise<void>
  resume(): Promise<void>
}
