#!/bin/sh
# Says what length was announced and the SHA-256 of what came.
sum=$(sha256sum)
printf 'Content-Type: text/plain\n\n%s %s\n' "$CONTENT_LENGTH" "${sum%% *}"
