"""People: who they are, how they prove it, and the mail that they get.

It knows no protocol (`oauth`) and no page: rules take plain values and answer with what was proven, or with a word that
says why not; the pages put it in sentences. Whatever counts attempts commits before anything is compared.
"""
