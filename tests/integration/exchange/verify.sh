#!/bin/sh
# Verify an envelope signed by one Ed25519 key: verify.sh ENVELOPE PUB, PUB as it stands in the keyset.
set -eu
envelope=$1
public=$2

field() {
    sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" "$envelope"
}

field payload | base64 -d > payload
field sig | base64 -d > signature
type=$(field payloadType)
{ printf 'DSSEv1 %d %s %d ' "${#type}" "$type" "$(wc -c < payload)"; cat payload; } > signed

# RFC 8410: before the key stand twelve bytes that are the same for every Ed25519 key.
printf -- '-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA%s\n-----END PUBLIC KEY-----\n' "$public" > key.pem
openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in signed -sigfile signature >&2
sha256sum payload | cut -d ' ' -f 1
