/** Text from the beginning of a body, whatever it is compressed with. */
import { promisify } from 'node:util'
import { brotliDecompress, constants, gunzip, inflate } from 'node:zlib'

const maxText = 65_536

const decoders: Readonly<Record<string, (bytes: Uint8Array) => Promise<Uint8Array>>> = {
  gzip: bytes => promisify(gunzip)(bytes, tolerant),
  deflate: bytes => promisify(inflate)(bytes, tolerant),
  br: bytes => promisify(brotliDecompress)(bytes, { finishFlush: constants.BROTLI_OPERATION_FLUSH, maxOutputLength }),
}

/** Enough for any answer that names a token problem; what grows larger is not looked at. */
const maxOutputLength = 1_048_576
/** What is cut off gives what it has. */
const tolerant = { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength }

/** At most 64 KiB; as it is, where it cannot be decompressed. */
export async function plainText(bytes: Uint8Array, encoding: string | string[] | undefined): Promise<string> {
  const decode =
    decoders[
      String(encoding ?? '')
        .trim()
        .toLowerCase()
    ]
  const plain = decode === undefined ? bytes : await decode(bytes).catch(() => bytes)
  return Buffer.from(plain).subarray(0, maxText).toString()
}
