/** A sentence's sound: 16 bits, one channel. `Player` of `@lazai/sdk/sound` plays it. */
export interface Phrase {
    samples: Int16Array;
    sampleRate: number;
}

/** Loads the module in a page, before anything else; in Node it is loaded already. */
export default function init(source?: unknown): Promise<void>;

/** The files of the package `hibari-tts` 0.2.1 (Apache-2.0), in its folder `assets`, that a base voice is made of: 13 MB. */
export function voiceAssets(): string[];

/** A character's voice, for the base that made it. */
export class CharacterVoice {
    private constructor();
    free(): void;
}

/**
 * A base voice that reads English texts and speaks on this device: nobody is paid, nobody signs for it, and no word leaves the device.
 * It computes on the thread that calls it: pages run it in a worker.
 */
export class BaseVoice {
    private constructor();
    /** Opens the package; `asset` gives the bytes of a file by its name. Throws a `LazaiError` with code `model`. */
    static open(asset: (name: string) => ArrayBuffer | Uint8Array | Promise<ArrayBuffer | Uint8Array>): Promise<BaseVoice>;
    readonly sampleRate: number;
    /** The digest of its weights, which records and terms name. */
    readonly digest: string;
    /** A character's voice, out of its `adapter_config.json` and `adapter_model.safetensors`. */
    characterVoice(config: Uint8Array, weights: Uint8Array): CharacterVoice;
    /**
     * Speaks, a sentence each time the next is asked for. `speed` is a part of the voice's pace, 0.5 to 2; equal seeds give equal sound on
     * one engine.
     */
    speak(text: string, options?: { voice?: CharacterVoice; speed?: number; seed?: bigint }): Generator<Phrase, void>;
    free(): void;
}
