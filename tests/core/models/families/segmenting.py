# SPDX-License-Identifier: Apache-2.0

"""What the tests of models that cut something out of a picture share."""

import transformers

CLOSE = 1e-4
SAM = "facebook/sam-vit-base"


def official(models, name, kind):
    """(model, processor), as a reader of the transformers documentation would load them."""
    folder = models.catalog.path(name)
    processor = transformers.AutoProcessor.from_pretrained(folder, backend="pil")
    return getattr(transformers, kind).from_pretrained(folder).eval(), processor


def counted(models, name, part):
    """A list that grows by one whenever one of these modules of the loaded model runs, and the model."""
    with models.lease(name) as adapter:
        calls = []
        for index, module in enumerate(part(adapter.model)):
            module.register_forward_hook(lambda *_, index=index: calls.append(index))
    return calls
