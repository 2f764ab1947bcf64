"""ClinOps: may this vendor release touch patients?"""
