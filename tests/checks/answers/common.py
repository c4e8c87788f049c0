"""What the answers of several notebooks share."""


def repeats_first(answer):
    """Makes an answer that gives the result of its first call again and again."""
    known = []

    def repeat(*inputs):
        if not known:
            known.append(answer(*inputs))
        return known[0]

    return repeat
