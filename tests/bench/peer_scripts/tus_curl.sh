# curl as a tus client: sh tus_curl.sh URL FILE SHA256
set -eu
size=$(stat -c %s "$2")
metadata="filename $(printf segment | base64),sha256 $(printf %s "$3" | base64 -w0)"
place=$(curl -sS --fail -D - -o /dev/null -X POST -H "Tus-Resumable: 1.0.0" -H "Upload-Length: $size" -H "Upload-Metadata: $metadata" "$1" |
  tr -d '\r' | awk 'tolower($1) == "location:" { print $2 }')
case $place in
/*) place=$(printf %s "$1" | cut -d/ -f1-3)$place ;;
esac
curl -sS --fail -o /dev/null -X PATCH -H "Tus-Resumable: 1.0.0" -H "Upload-Offset: 0" -H "Content-Type: application/offset+octet-stream" -T "$2" "$place"
