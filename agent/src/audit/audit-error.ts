export type AuditErrorCode =
  | 'listen-failed' // the webhook's port or address cannot be used
  | 'files-unreadable' // a certificate, key, CA or token file cannot be read
  | 'checkpoint-unusable'; // the log's checkpoint file is not one

export class AuditError extends Error {
  readonly code: AuditErrorCode;
  readonly retryable = false;

  constructor(code: AuditErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'AuditError';
    this.code = code;
  }
}
