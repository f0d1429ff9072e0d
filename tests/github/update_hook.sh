#!/bin/sh
# Git's update hook: reference, old object, new object. Refuses what the rules of the push forbid.
nothing=0000000000000000000000000000000000000000

refuse() {
    echo "error: GH013: Repository rule violations found for $1." >&2
    echo "- $2" >&2
    exit 1
}

case " $REFUSED_REFERENCES " in
*" $1 "*) refuse "$1" "Changes must be made through a pull request, or by who may bypass the rule." ;;
esac

[ "$3" = "$nothing" ] && exit 0

case " $FORWARD_REFERENCES " in
*" $1 "*) [ "$2" = "$nothing" ] || git merge-base --is-ancestor "$2" "$3" ||
    refuse "$1" "Cannot force-push to this branch" ;;
esac

# Only who has the permission "workflows" may push them, and no workflow's token can have it.
if [ -n "$WORKFLOWS_REFUSED" ]; then
    before=$2
    [ "$before" = "$nothing" ] && before=$(git rev-parse --quiet --verify HEAD || git mktree </dev/null)
    changed=$(git diff --name-only --no-renames --diff-filter=AM "$before" "$3" -- .github/workflows)
    if [ -n "$changed" ]; then
        echo "refusing to allow a GitHub App to create or update workflow without \`workflows\` permission" >&2
        exit 1
    fi
fi
