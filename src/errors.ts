/** Stable, machine-readable reasons carried by every {@link OutriderError}. */
export type ErrorCode =
  | 'ADDON_LOAD'
  | 'MODEL_NOT_FOUND'
  | 'MODEL_INVALID'
  | 'MODEL_UNSUPPORTED'
  | 'MODEL_LOAD'
  | 'OUT_OF_MEMORY'
  | 'CONTEXT_CREATE'
  | 'CONTEXT_FULL'
  | 'BATCH_TOO_LARGE'
  | 'DECODE'
  | 'SHAPE'
  | 'VOCAB_MISMATCH'
  | 'INCOMPATIBLE_METHODS'
  | 'UNSUPPORTED_CACHE'
  | 'STATE_FILE'
  | 'CALIBRATION'
  | 'DATASTORE_ACCESS'
  | 'DATASTORE_TOKENIZER'
  | 'DATASTORE_VERSION'
  | 'DATASTORE_DAMAGED'
  | 'DATASTORE_EMPTY'
  | 'CHAT_TEMPLATE'
  | 'DOWNLOAD'
  | 'PROMPT_FILE'
  | 'PLUGIN'
  | 'BENCH'
  | 'RESULTS_FILE'
  | 'PEER'
  | 'BUSY'
  | 'DISPOSED';

/** Base of every error that is not plain misuse of an argument; `code` is stable, `message` is for people. */
export class OutriderError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** The native addon could not be loaded; the message lists every path tried and the command that builds it. */
export class AddonLoadError extends OutriderError {
  constructor(message: string, options?: ErrorOptions) {
    super('ADDON_LOAD', message, options);
  }
}

/** Why a model could not be loaded. */
export type ModelLoadErrorCode = Extract<ErrorCode, `MODEL_${string}` | 'OUT_OF_MEMORY'>;

/** A GGUF file is missing, damaged, unsupported, or does not fit into memory. */
export class ModelLoadError extends OutriderError {
  declare readonly code: ModelLoadErrorCode;

  constructor(code: ModelLoadErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options);
  }
}

/** A context could not be created with the options given. */
export class ContextCreateError extends OutriderError {
  constructor(message: string, options?: ErrorOptions) {
    super('CONTEXT_CREATE', message, options);
  }
}

/** More cells of the KV cache are needed than the context has. */
export class ContextFullError extends OutriderError {
  constructor(
    /** Cells needed, in tokens. */ readonly needed: number,
    /** Cells the context has, in tokens. */ readonly available: number,
  ) {
    super(
      'CONTEXT_FULL',
      `Context is full: ${needed} tokens are needed but it holds ${available}. ` +
        'Raise the context size or shorten the prompt.',
    );
  }
}

/** `llama_decode` failed; `status` is what it returned. */
export class DecodeError extends OutriderError {
  constructor(
    message: string,
    readonly status: number,
  ) {
    super('DECODE', message);
  }
}

/** Rows, nodes or arrays of one call disagree in size. */
export class ShapeError extends OutriderError {
  constructor(message: string) {
    super('SHAPE', message);
  }
}

/** Target and draft model do not share one vocabulary. */
export class VocabMismatchError extends OutriderError {
  constructor(
    message: string,
    readonly targetVocabSize: number,
    readonly draftVocabSize: number,
    /** The first token id whose text or type differs; undefined when only the sizes differ. */
    readonly firstDifferentToken: number | undefined,
  ) {
    super('VOCAB_MISMATCH', message);
  }
}

/** Drafter, verifier and tree cannot work together; refused at construction. */
export class IncompatibleMethodsError extends OutriderError {
  constructor(message: string) {
    super('INCOMPATIBLE_METHODS', message);
  }
}

/** The model's memory cannot do what a method needs (roll back, branch); refused at construction. */
export class UnsupportedCacheError extends OutriderError {
  constructor(message: string) {
    super('UNSUPPORTED_CACHE', message);
  }
}

/** A state file could not be written or read; nothing that stood there before is lost. */
export class StateFileError extends OutriderError {
  constructor(message: string, options?: ErrorOptions) {
    super('STATE_FILE', message, options);
  }
}

/** A calibration is missing, damaged or of another model; the message says how to make one. */
export class CalibrationError extends OutriderError {
  constructor(message: string, options?: ErrorOptions) {
    super('CALIBRATION', message, options);
  }
}

/** Why a datastore could not be written or used. */
export type DatastoreErrorCode = Extract<ErrorCode, `DATASTORE_${string}`>;

/**
 * A datastore cannot be read or written, is of another tokenizer or of a newer version, was cut off or changed, or holds
 * nothing; one that stood there before is as it was.
 */
export class DatastoreError extends OutriderError {
  declare readonly code: DatastoreErrorCode;

  constructor(code: DatastoreErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options);
  }
}

/** A model has no usable chat template, or the template failed on the messages given. */
export class ChatTemplateError extends OutriderError {
  constructor(message: string, options?: ErrorOptions) {
    super('CHAT_TEMPLATE', message, options);
  }
}

/** A model could not be resolved or downloaded. */
export class DownloadError extends OutriderError {
  constructor(message: string, options?: ErrorOptions) {
    super('DOWNLOAD', message, options);
  }
}

/** A benchmark's trial could not be run. */
export class BenchError extends OutriderError {
  constructor(message: string, options?: ErrorOptions) {
    super('BENCH', message, options);
  }
}

/** A file of benchmark results cannot be read, written, or gone on with. */
export class ResultsFileError extends OutriderError {
  constructor(message: string, options?: ErrorOptions) {
    super('RESULTS_FILE', message, options);
  }
}

/** Another engine could not be started, ended on its own, or answered with an error; the message ends with what it said. */
export class PeerError extends OutriderError {
  constructor(message: string, options?: ErrorOptions) {
    super('PEER', message, options);
  }
}

/** The object is already running a generation. */
export class BusyError extends OutriderError {
  constructor(what: string) {
    super('BUSY', `${what} is already running a generation. Wait for it, abort it, or create a second one.`);
  }
}

/** The object was used after `dispose()`. */
export class DisposedError extends OutriderError {
  constructor(what: string) {
    super('DISPOSED', `${what} was used after it was disposed.`);
  }
}

/** A file of prompts holds something else; the message names file and line. */
export class PromptFileError extends OutriderError {
  constructor(message: string, options?: ErrorOptions) {
    super('PROMPT_FILE', message, options);
  }
}
